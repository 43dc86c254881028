"""How much each dimension of readiness counts. Only the council's motion sets it."""

from __future__ import annotations

from collections.abc import Mapping

from django.db import transaction

from apps.access.models import User
from apps.common.acting import acting
from apps.common.clock import now
from apps.common.errors import Invalid
from apps.ledger.services import record
from apps.readiness.mining.weights import problem
from apps.readiness.models import Weights
from apps.readiness.queries.weights import in_force


@transaction.atomic
def set_weights(*, actor: User | None = None, values: Mapping[str, float], motion: str) -> Weights:
    """Holds for every measurement from now on; levels in force stay. Raises Invalid for what are
    no weights. `actor` is None: the motion acts as the system."""
    if sentence := problem(values):
        raise Invalid(sentence, fields={"weights": [sentence]})
    before = dict(in_force())
    row = Weights.objects.select_for_update().order_by("pk").first() or Weights()
    row.values, row.motion, row.effective_at = dict(values), motion, now()
    reason = f"Adopted by {motion}."
    with acting(reason=reason):
        row.save()
        record(
            type="readiness.weights_set",
            object=row,
            reason=reason,
            before=before,
            after=dict(values),
        )
    return row
