"""What a responder stops at once: measures taken together, and whether the incident is contained by
them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from django.db import transaction

from apps.access.models import User
from apps.access.services import permitted
from apps.common.acting import acting
from apps.common.clock import now
from apps.common.errors import Conflict, Invalid, Refused
from apps.incidents import queries
from apps.incidents.models import Incident
from apps.incidents.services import receipts, tidings
from apps.incidents.services.measures import (
    InForce,
    Wish,
    finish_what_goes_on,
    take,
    words_of,
)
from apps.incidents.services.moves import locked, move
from apps.incidents.states import OVER, Measure, Place, Status
from apps.ledger.services import record
from apps.registry.models import Tool

USUAL = dt.timedelta(hours=72)
LONGEST = dt.timedelta(days=30)
FAILED = "not done"


@permitted("incidents.command")
def contain(
    *,
    actor: User | None,
    incident: Incident,
    wishes: Sequence[Wish],
    reason: str,
    lasts: dt.timedelta = USUAL,
    owner: User | None = None,
    checkpoint: str = "",
) -> dict[str, str]:
    """Takes every measure that is wished for, and answers what became of each. With none, the
    reason says why nothing (more) has to be stopped. A triaged incident is contained when all of
    them hold; where one could not be taken it stays as it is, and responders are told.
    `checkpoint` is where people are asked by measures that ask."""
    if not reason.strip():
        raise Invalid("Say why.", fields={"reason": ["Say why."]})
    if not dt.timedelta(0) < lasts <= LONGEST:
        raise Invalid("A measure lasts up to 30 days.", fields={"hours": ["Up to 30 days."]})
    if incident.status in OVER:
        raise Conflict("This incident is over.")
    clicked, results, taken = now(), {}, []
    for wish in wishes:
        try:
            row = take(incident, wish, reason, clicked, lasts, owner or actor, checkpoint, actor)
        except InForce as standing:
            results[wish.name] = standing.sentence
            continue
        except Refused as refusal:
            results[wish.name] = f"{FAILED}: {refusal.sentence}"
            continue
        taken.append(row)
        results[wish.name] = words_of(row)
    settle(incident, results, reason)
    for row in taken:
        finish_what_goes_on(row)
    receipts.collect(incident)
    receipts.watch(incident)
    return results


def settle(incident: Incident, results: dict[str, str], reason: str) -> None:
    """Contained, where everything was done; on record as not contained where something failed."""
    with transaction.atomic():
        row = locked(incident)
        if any(words.startswith(FAILED) for words in results.values()):
            record(type="incident.containment_failed", object=row, outcome="failed", after=results)
            tidings.uncontained(row)
        elif row.status == Status.TRIAGED:
            words = "; ".join(f"{name.partition(':')[2]}: {what}" for name, what in results.items())
            if not words and row.containments.filter(lifted_at=None).exists():
                words = f"By what was in force already: {reason}"
            move(
                row, Status.CONTAINED, "incident.contained", reason=reason,
                contained_at=now(), containment=words or f"Nothing had to be stopped: {reason}",
            )  # fmt: skip
    incident.refresh_from_db()


def at_the_outset(incident: Incident, tools: Sequence[str] = ()) -> dict[str, str]:
    """At severity 1 and 2, when it opens: the agents that it is about are suspended, and others'
    use of the same tools is put before people. A person lifts it."""
    agents = queries.agents_of(incident)
    live = incident.containments.filter(lifted_at=None).exclude(measure=Measure.KEEP)
    taken = set(live.values_list("place", "target"))
    wishes = [Wish(Place.AGENT, agent.slug, Measure.SUSPEND) for agent in agents]
    if queries.usual_checkpoint("") is not None:
        known = Tool.objects.filter(name__in=[name for name in tools if name])
        wishes += [Wish(Place.TOOL, tool.name, Measure.ASK) for tool in known]
    wishes = [wish for wish in wishes if (wish.place, wish.ref) not in taken]
    if not wishes:
        return {}
    with acting(kind="system", label="Agent Council"):
        return contain(
            actor=None,
            incident=incident,
            wishes=wishes,
            reason=f"Severity {incident.severity}: stopped until somebody has looked.",
        )
