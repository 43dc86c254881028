"""Watch: the history browser. Reads the ledger and the version tables, and changes neither.

Sealing, proofs, exports and as-of views arrive with the audit issue.
"""
