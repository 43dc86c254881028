"""Who and which agent can do what, since when, by whose decision, and when it was last used."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterable, Iterator

from django.apps import apps
from django.db.models import F, Max

from apps.access.matrix import ROLES
from apps.access.models import User
from apps.access.queries import holds, live_assignments
from apps.approvals.models import Delegation, QueueUserObjectPermission, Vote
from apps.audit.models import ReviewItem, ReviewRound
from apps.audit.rules.review import Right, marks_of
from apps.common.clock import now
from apps.common.errors import Absent
from apps.ledger.models import LedgerEvent
from apps.registry.queries import live_grants
from apps.runtime.models import Action

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
    """A role is used by whatever its holder does."""
    for row in live_assignments().select_related("user").order_by("user_id", "role"):
        used = last_act(row.user_id)
        yield Right(
            "role", str(row.pk), "person", str(row.user_id), str(row.user),
            ROLES.get(row.role, row.role), row.starts_at, row.granted_by_label,
            row.ends_at, used,
            marks_of(now=moment, since=row.starts_at, last_used_at=used, ends_at=row.ends_at),
        )  # fmt: skip


def last_act(user_id: int) -> dt.datetime | None:
    """The person's newest act but for signing in and out."""
    acts = LedgerEvent.objects.filter(actor_kind="person", actor_id=str(user_id))
    newest = acts.order_by("-at", "-pk").values_list("type", "at")[:50]
    return next((at for type, at in newest if not type.startswith("access.sign")), None)


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
    for row in rows.select_related("user").order_by("user_id"):
        used = cast.get(row.user_id)
        yield Right(
            "seat", str(row.pk), "person", str(row.user_id), str(row.user),
            f"Seat on the council: {row.get_function_display()}", row.starts_at, given_by(row),
            None, used, marks_of(now=moment, since=row.starts_at, last_used_at=used),
        )  # fmt: skip


def given_by(row: object) -> str:
    first = type(row).history.filter(id=row.pk).order_by("history_id").first()  # type: ignore[attr-defined]
    return str(first.actor_label) if first else ""


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


def tools_used(agents: Iterable[int]) -> dict[tuple[int, str], dt.datetime]:
    """When each agent last used each tool, among the newest acts of each: the number read is
    bounded, so that the page does not slow with age."""
    found: dict[tuple[int, str], dt.datetime] = {}
    for agent in agents:
        newest = Action.objects.filter(agent=agent).order_by("-at", "-pk")
        for tool, at in newest.values_list("tool_name", "at")[:NEWEST]:
            found.setdefault((agent, tool), at)
    return found


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
