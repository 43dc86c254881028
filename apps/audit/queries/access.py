"""Who and which agent can do what, since when, by whose decision, and when it was last used."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterable, Iterator

from django.apps import apps
from django.db import connection
from django.db.models import CharField, F, Max, OuterRef, Subquery
from django.db.models.functions import Cast

from apps.access.matrix import ROLES
from apps.access.models import User
from apps.access.queries import holds, live_assignments
from apps.approvals.models import Delegation, QueueUserObjectPermission, Vote
from apps.audit.models import ReviewItem, ReviewRound
from apps.audit.rules.review import Right, marks_of
from apps.common.clock import now, parsed
from apps.common.errors import Absent
from apps.ledger.models import LedgerEvent
from apps.registry.queries import live_grants

NEWEST = 5_000


def rights(reader: User) -> list[Right]:
    """Every live right, people first. Raises Absent for who may not see them."""
    if not holds(reader, "audit.view"):
        raise Absent
    moment = now()
    found: list[Right] = []
    for part in (roles, queue_rights, seats, delegations, grants):
        found += part(moment)
    return found


def roles(moment: dt.datetime) -> Iterator[Right]:
    """A role is used by whatever its holder does but signing in and out."""
    acts = LedgerEvent.objects.filter(
        actor_kind="person", actor_id=Cast(OuterRef("user_id"), CharField())
    ).exclude(type__in=("access.signed_in", "access.signed_out"))
    newest = Subquery(acts.order_by("-at", "-pk").values("at")[:1])
    rows = live_assignments().select_related("user").annotate(used_at=newest)
    for row in rows.order_by("user_id", "role"):
        yield Right(
            "role", str(row.pk), "person", str(row.user_id), str(row.user),
            ROLES.get(row.role, row.role), row.starts_at, row.granted_by_label,
            row.ends_at, row.used_at,
            marks_of(
                now=moment, since=row.starts_at, last_used_at=row.used_at, ends_at=row.ends_at
            ),
        )  # fmt: skip


def queue_rights(moment: dt.datetime) -> Iterator[Right]:
    given = queue_acts()
    rows = QueueUserObjectPermission.objects.select_related("user", "content_object")
    votes = {
        (voter, queue): at
        for voter, queue, at in Vote.objects.values_list("voter", "request__queue").annotate(
            at=Max("cast_at")
        )
    }
    for row in rows.order_by("user_id", "pk"):
        queue = row.content_object
        since, by = given.get((str(queue.pk), str(row.user)), (None, ""))
        used = votes.get((row.user_id, queue.pk))
        yield Right(
            "queue", f"{queue.pk}/{row.user_id}", "person", str(row.user_id), str(row.user),
            f"Decides in {queue.name}", since, by, None, used,
            marks_of(now=moment, since=since, last_used_at=used),
        )  # fmt: skip


def queue_acts() -> dict[tuple[str, str], tuple[dt.datetime, str]]:
    """When each right over a queue was given last, and by whom: rights are no versions."""
    acts = LedgerEvent.objects.filter(type="queue_right.granted").order_by("at", "pk")
    return {
        (object_id, (after or {}).get("person", "")): (at, by)
        for object_id, after, at, by in acts.values_list("object_id", "after", "at", "actor_label")
    }


def seats(moment: dt.datetime) -> Iterator[Right]:
    """Seats belong to the layer above; they are read by name."""
    seat, ballot = apps.get_model("council.Seat"), apps.get_model("council.Ballot")
    cast = dict(ballot._default_manager.values_list("user").annotate(at=Max("cast_at")))
    rows = seat._default_manager.filter(starts_at__lte=moment, ends_at__isnull=True)
    first = seat.history.filter(id=OuterRef("pk")).order_by("history_id")
    rows = rows.annotate(given_by=Subquery(first.values("actor_label")[:1]))
    for row in rows.select_related("user").order_by("user_id"):
        used = cast.get(row.user_id)
        yield Right(
            "seat", str(row.pk), "person", str(row.user_id), str(row.user),
            f"Seat on the council: {row.get_function_display()}", row.starts_at, row.given_by or "",
            None, used, marks_of(now=moment, since=row.starts_at, last_used_at=used),
        )  # fmt: skip


def delegations(moment: dt.datetime) -> Iterator[Right]:
    rows = Delegation.objects.filter(ended_at__isnull=True, ends_at__gt=moment)
    used = {
        (taker, giver): at
        for taker, giver, at in Vote.objects.filter(on_behalf_of__isnull=False)
        .values_list("voter", "on_behalf_of")
        .annotate(at=Max("cast_at"))
    }
    for row in rows.select_related("giver", "taker", "queue").order_by("pk"):
        at = used.get((row.taker_id, row.giver_id))
        yield Right(
            "delegation", str(row.pk), "person", str(row.taker_id), str(row.taker),
            f"Stands in for {row.giver} in {row.queue or 'every queue'}", row.starts_at,
            str(row.giver), row.ends_at, at,
            marks_of(now=moment, since=row.starts_at, last_used_at=at, ends_at=row.ends_at),
        )  # fmt: skip


def grants(moment: dt.datetime) -> Iterator[Right]:
    rows = list(live_grants().select_related("agent", "tool").order_by("agent__name", "tool__name"))
    used = tools_used({row.agent_id for row in rows})
    for row in rows:
        at = used.get((row.agent_id, row.tool.name))
        broad = not row.scope and row.tool.effect != "read"
        yield Right(
            "grant", str(row.pk), "agent", str(row.agent_id), row.agent.name,
            f"{row.tool.name}{scope_words(row.scope)}", row.starts_at, row.granted_by_label,
            row.expires_at, at,
            marks_of(
                now=moment, since=row.starts_at, last_used_at=at, ends_at=row.expires_at,
                unlimited=broad,
            ),
            {"slug": row.agent.slug},
        )  # fmt: skip


def scope_words(scope: dict[str, object]) -> str:
    return f" within {scope}"[:200] if scope else ", whole tool"


USED = (
    "SELECT %s, tool_name, MAX(at) FROM (SELECT tool_name, at FROM runtime_action"
    " WHERE agent_id = %s ORDER BY at DESC, id DESC LIMIT %s) AS newest GROUP BY tool_name"
)
AT_ONCE = 100


def tools_used(agents: Iterable[int]) -> dict[tuple[int, str], dt.datetime]:
    """When each agent last used each tool, among the newest acts of each: the number read is
    bounded, so that the page does not slow with age. One question per hundred agents."""
    found: dict[tuple[int, str], dt.datetime] = {}
    for some in batched(sorted(agents)):
        with connection.cursor() as cursor:
            cursor.execute(
                " UNION ALL ".join([USED] * len(some)),
                [value for agent in some for value in (agent, agent, NEWEST)],
            )
            found |= {(agent, tool): parsed(at) for agent, tool, at in cursor.fetchall()}
    return found


def batched(agents: list[int]) -> Iterator[list[int]]:
    for start in range(0, len(agents), AT_ONCE):
        yield agents[start : start + AT_ONCE]


def rounds(reader: User) -> list[ReviewRound]:
    if not holds(reader, "audit.view"):
        raise Absent
    return list(ReviewRound.objects.order_by("-number")[:50])


def round_numbered(reader: User, number: int) -> ReviewRound:
    found = ReviewRound.objects.filter(number=number).first()
    if found is None or not holds(reader, "audit.view"):
        raise Absent
    return found


def items(found: ReviewRound) -> list[ReviewItem]:
    """What is open first; then by holder."""
    rows = ReviewItem.objects.filter(round=found)
    return list(rows.order_by(F("decided_at").asc(nulls_first=True), "holder", "kind", "pk"))


def item(reader: User, pk: uuid.UUID) -> ReviewItem:
    found = ReviewItem.objects.select_related("round").filter(pk=pk).first()
    if found is None or not holds(reader, "audit.view"):
        raise Absent
    return found
