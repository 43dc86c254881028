"""Incidents: signals and their groups, incidents from report to close, what was contained, what was
learnt. It reads the ledger and calls the lower apps' verbs; it never enforces anything itself, and
never changes what is on record."""
