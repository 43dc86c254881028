"""Decide: the home page, where everybody sees what needs them.

Motions, ballots and seats arrive with the council issue.
"""
