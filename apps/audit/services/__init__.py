"""The verbs of audit, split by noun."""
