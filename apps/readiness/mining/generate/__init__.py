"""Event logs with a known truth, for demos, tests and measurements: three processes of an ordinary
company. The same plan and seed give the same log.

Each process is a module of the same shape: `STEPS` (its document), `SYSTEMS` and `ACTIVITIES` (what
an inventory would say), `Plan` (what is planted, as shares), `Truth` (how often that happened),
`generated` (rows) and `generate` (a log). `invoices` is the one meant where none is named.
"""

from __future__ import annotations

from apps.readiness.mining.generate import expenses, invoices, onboarding
from apps.readiness.mining.generate.invoices import (
    ACTIVITIES,
    STEPS,
    SYSTEMS,
    Plan,
    Truth,
    generate,
    generated,
)
from apps.readiness.mining.generate.writer import Described, as_csv

__all__ = [
    "ACTIVITIES",
    "STEPS",
    "SYSTEMS",
    "Described",
    "Plan",
    "Truth",
    "as_csv",
    "expenses",
    "generate",
    "generated",
    "invoices",
    "onboarding",
]
