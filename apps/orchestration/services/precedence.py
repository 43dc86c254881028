"""Whose work goes first where two agents want the same."""

from __future__ import annotations

from django.db import transaction

from apps.access.models import User
from apps.access.services import permitted
from apps.common.acting import acting
from apps.common.errors import Invalid
from apps.ledger.services import record
from apps.orchestration.models import Precedence
from apps.orchestration.states import Kind
from apps.registry.models import Agent

HIGHEST = 100


@permitted("limits.set")
@transaction.atomic
def set_precedence(
    *, actor: User | None, agent: Agent, rank: int, kind: str, reason: str
) -> Precedence:
    """Gives an agent's work its place; it holds from the next claim on."""
    if not -HIGHEST <= rank <= HIGHEST or kind not in Kind.values:
        raise Invalid(f"A rank is a number from -{HIGHEST} to {HIGHEST}.")
    Agent.lock(agent.pk)
    row = Precedence.objects.filter(agent=agent).first() or Precedence(agent=agent)
    before = {"rank": row.rank, "kind": row.kind}
    row.rank, row.kind = rank, kind
    with acting(reason=reason):
        row.save()
        record(
            type="precedence.set",
            object=row,
            reason=reason,
            before=before,
            after={"rank": rank, "kind": kind},
        )
    return row
