"""Judge: versioned Cedar policies, and the one function that turns a request into a verdict.

Knows nothing of runs or approvals: a verdict may ask for people, but never waits for them.
"""
