"""News that travels upward: sent on commit, connected in the upper apps' apps.py."""

from __future__ import annotations

from dataclasses import dataclass

from django.dispatch import Signal

agent_suspended = Signal()
agent_resumed = Signal()
asked_what_is_in_flight = Signal()


@dataclass(frozen=True)
class InFlight:
    """Work of an agent that has begun and not ended; `url` opens it."""

    kind: str
    label: str
    url: str
