"""What a policy text means, found without a solver (policy-analysis.md): every attribute is cut at
the constants that rules compare it with, which leaves finitely many cells; all rules are evaluated
on all of them. Complete for comparisons with constants; anything else is an opaque truth value that
"may" hold, and is reported as such. No database, no clock, no Django.
"""
