"""Goal 10, its first half: from acts on record to signals in groups."""

from __future__ import annotations

import random
import time

from django.db import transaction

from apps.incidents.models import Group, Incident, Signal
from apps.incidents.services.signals import catch_up
from apps.ledger.services import record
from tests.bench.place import Row

FAILURES = (
    "Supplier {word} of order PO-{number} is not known",
    "No answer from https://s{number}.example/x after {number} seconds",
    "Row {number} is locked by {word}",
    "Account DE{long} was refused",
    "The key of a{number}@example.org has expired",
)
WORDS = ("alder", "birch", "cedar", "dune", "ember", "fjord")


def signals(*, full: bool) -> list[Row]:
    """Signals per second, read from the ledger, masked, put to templates and groups, and kept."""
    number = 20_000 if full else 4_000
    rng = random.Random(7)  # noqa: S311 - not a secret
    with transaction.atomic():
        for _ in range(number):
            values = {
                "word": rng.choice(WORDS),
                "number": rng.randrange(10, 99_999),
                "long": rng.randrange(10**19, 10**20),
            }
            record(type="step.dead", reason=rng.choice(FAILURES).format(**values))
    start = time.perf_counter()
    taken = catch_up()
    rate = taken / (time.perf_counter() - start)
    if taken != number or Signal.objects.count() != number:
        raise RuntimeError(f"{taken} of {number} signals were taken.")
    groups, incidents = Group.objects.count(), Incident.objects.count()
    name = f"10 {number:,} signals into {groups} groups and {incidents} incidents"
    return [Row(name, rate, 2_000, "≥ 2,000 per second", rate >= 2_000, unit="/s")]
