"""Decide: seats, motions, ballots, emergency measures, sittings; and the home page, where everybody
sees what needs them. Nothing comes into force past it, and it never does what agents do.
"""
