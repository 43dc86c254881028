"""The stamp that every process compares before it trusts what it read of the registry."""

from __future__ import annotations

import secrets

from apps.registry.models import RegistryStamp


def bump() -> None:
    """Moves the stamp inside the caller's transaction. It is drawn, not counted: what a process
    read within a transaction that was rolled back can never be taken for a later state."""
    number = secrets.randbits(62)
    if not RegistryStamp.objects.filter(pk=1).update(number=number):
        RegistryStamp.objects.create(pk=1, number=number)
