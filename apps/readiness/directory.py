"""What the layers above ask while agents work: how far may they go in a process?"""

from __future__ import annotations

import secrets

from apps.readiness.models import Process, ReadinessStamp


def levels() -> dict[str, int]:
    """The level in force of every process by its slug (states.Level; 0 was never assessed). One
    question; for whoever keeps the answer as long as `stamp` stays the same."""
    return dict(Process.objects.values_list("slug", "level"))


def stamp() -> int:
    """Changes within every transaction that moves a level or adds a process."""
    return ReadinessStamp.objects.values_list("number", flat=True).first() or 0


def bump() -> None:
    """Moves the stamp inside the caller's transaction. It is drawn, not counted: what was read in
    a transaction that was rolled back can never be taken for a later state."""
    number = secrets.randbits(62)
    if not ReadinessStamp.objects.filter(pk=1).update(number=number):
        ReadinessStamp.objects.create(pk=1, number=number)
