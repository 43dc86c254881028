"""Act: the gate, through which every action of every agent passes, and what it needs.

Owns sessions, actions, effects and limits. Never decides by itself: policies judge, people answer
through approvals. Nothing but the gate reaches a tool.
"""
