"""Prove: monitored introductions of agents into one workflow, one package per pilot.

A pilot brings its tools, its workflow and its pages in its own folder; adding one changes no file
outside it. Charters and stages arrive with their issue.
"""
