"""Goal 8: the audit trail with few and with many events: first page, deepest, each filter, no
match, one to three words, counts beside the page, and one object as it was."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable

from django.db import connection

from apps.access.models import User
from apps.access.services import give_role
from apps.audit.index.writing import catch_up
from apps.audit.queries.asof import state
from apps.audit.queries.events import facets, look
from apps.audit.rules.grammar import parse
from apps.common.clock import now
from apps.common.paging import cursor_of
from apps.ledger.catalogue import ACTS
from apps.ledger.models import LedgerEvent
from apps.registry.models import Agent
from tests.bench.place import Row, alternating

FEW = 10_000
CHUNK = 2_000
WORDS = ("invoice", "supplier", "account", "changed", "limit", "payment", "letter", "bank")
QUERIES = {
    "one kind of act": "type:approval.voted",
    "a family": "type:approval.*",
    "one actor": "actor:person/7",
    "one outcome": "outcome:denied",
    "one run": "run:{run}",
    "one object": "object:registry.agent/3",
    "three conditions": "kind:agent outcome:denied policy:policy-3",
    "conditions that never meet": "type:approval.voted kind:system outcome:failed",
    "without the system": "-kind:system",
    "a day": "at:{day}",
    "a day and a kind": "at:{day} kind:agent -outcome:done",
    "no match": "nowhere",
    "one word": "supplier",
    "two words": "supplier bank",
    "three words": "supplier bank rare77",
    "a beginning": "supp*",
}
CODES = sorted(ACTS)


def trail(*, full: bool) -> list[Row]:
    reader = User.objects.create_user(username="auditor", display_name="Auditor")
    give_role(actor=None, user=reader, role="auditor", reason="Bench")
    many = 1_000_000 if full else 100_000
    fill(0, FEW)
    little = pages(reader)
    fill(FEW, many - FEW)
    much = pages(reader)
    goals = {"deepest": 1.5, "counts beside it": 2.0}
    rows = []
    for name, ours in much.items():
        words = name in ("no match", "one word", "two words", "three words", "a beginning")
        most = 10.0 if words else goals.get(name, 2.0)
        base = much["first page"] if words or name == "deepest" else little[name]
        against = "the first page" if words or name == "deepest" else f"{FEW:,}"
        rows.append(
            Row(
                f"8 trail of {many:,}, {name}, against {against}",
                ours,
                base,
                f"≤ {most:g}",
                ours <= most * base,
            )
        )
    return rows


def fill(first: int, number: int) -> None:
    """Events as `record` leaves them, in bulk, and what the sweep makes of them."""
    start = now() - dt.timedelta(days=400)
    for low in range(first, first + number, CHUNK):
        LedgerEvent.objects.bulk_create(
            event(index, start) for index in range(low, min(low + CHUNK, first + number))
        )
    catch_up(most=number + CHUNK)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def event(index: int, start: dt.datetime) -> LedgerEvent:
    kind = ("agent", "person", "agent", "system")[index % 4]
    actor = str(index % 40)
    return LedgerEvent(
        at=start + dt.timedelta(seconds=30 * index),
        type=CODES[index % len(CODES)],
        actor_kind=kind,
        actor_id=actor,
        actor_label=f"{kind}-{actor}@1" if kind == "agent" else f"{kind} {actor}",
        act_id=uuid.UUID(int=index // 3 + 1),
        run_id=uuid.UUID(int=index // 12 + 1),
        object_type="registry.agent",
        object_id=str(index % 5_000),
        object_label=f"Thing {index % 5_000}",
        outcome=("done", "allowed", "denied", "done", "waiting")[index % 5],
        reason=" ".join(
            (WORDS[index % 8], WORDS[index // 8 % 8], f"rare{index % 9_973}", f"n{index}")
        ),
        policy_versions={f"policy-{index % 11}": 1},
        digest="0" * 64,
    )


def pages(reader: User) -> dict[str, float]:
    deep = LedgerEvent.objects.order_by("at", "pk")[200]
    cursor = cursor_of(deep.at, deep.pk)
    middle = LedgerEvent.objects.order_by("at", "pk")[FEW // 2]
    agent = Agent.objects.get(slug="agent-0")
    moment = now()
    works: dict[str, Callable[[], object]] = {
        "first page": lambda: look(reader, parse("")),
        "deepest": lambda: look(reader, parse(""), after=cursor),
        "deepest of a family": lambda: look(reader, parse("type:approval.*"), after=cursor),
        "counts beside it": lambda: facets(reader, parse("")),
        "one object as it was": lambda: state(reader, "registry.agent", str(agent.pk), moment),
    }
    for name, text in QUERIES.items():
        query = text.format(run=middle.run_id, day=f"{middle.at:%Y-%m-%d}")
        works[name] = lambda query=query: look(reader, parse(query))  # type: ignore[misc]
    return alternating(5, **works)
