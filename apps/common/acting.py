"""Who acts, for whom, why, and in which act: carried by a context variable, never an argument.

Every web request, Celery task and management command opens one acting context; history rows and
ledger events take their actor from it.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace

from apps.common.ids import uuid7


@dataclass(frozen=True)
class Acting:
    """`kind` is person, agent or system; `label` is frozen into the record as text."""

    kind: str = "system"
    id: str = ""
    label: str = "system"
    act_id: uuid.UUID = field(default_factory=uuid7)
    run_id: uuid.UUID | None = None
    on_behalf_of: str = ""
    trigger: str = ""
    reason: str = ""


_current: ContextVar[Acting | None] = ContextVar("acting", default=None)


def current() -> Acting:
    """The acting context in force; outside any, the system's with the trigger `unattended`."""
    return _current.get() or Acting(trigger="unattended")


@contextmanager
def acting(**fields: object) -> Iterator[Acting]:
    """Opens a context; inside another one, the unnamed fields are those of the outer one."""
    outer = _current.get()
    inner = replace(outer, **fields) if outer else Acting(**fields)  # type: ignore[arg-type]
    token = _current.set(inner)
    try:
        yield inner
    finally:
        _current.reset(token)
