"""How governed things stood at a moment: from their version rows, deleted things included.

The library's own `as_of` answers with today's related objects and with several rows for one
object where two versions share a moment; here the newest version per object not later than the
moment is taken, by (date, id), and labels of related objects are those of that moment, too.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.apps import apps
from django.core.exceptions import ObjectDoesNotExist, ValidationError
from django.db import models
from django.db.models import OuterRef, QuerySet, Subquery

from apps.access.models import User
from apps.access.queries import holds
from apps.audit.queries.history import MASKED, model_named
from apps.audit.queries.scope import require_moment, require_object, require_whole
from apps.common.errors import Absent
from apps.common.tracked import Tracked
from apps.ledger.models import LedgerEvent

MOST = 500


def history_of(model: type[models.Model]) -> Any:
    return model.history.model  # type: ignore[attr-defined]


def row_at(model: type[models.Model], pk: Any, moment: dt.datetime) -> Any | None:
    """The version of one object that stood at the moment, also a deletion; None: not yet."""
    key = model._meta.pk.attname
    rows = history_of(model).objects.filter(**{key: pk, "history_date__lte": moment})
    return rows.order_by("-history_date", "-history_id").first()


def rows_at(
    model: type[models.Model],
    moment: dt.datetime,
    *,
    deleted: bool = False,
    most: int = MOST,
    **where: Any,
) -> list[Any]:
    """The versions of all objects that stood at the moment, narrowed by their own values then.
    Each object is asked for its newest version by the index on (id, date, version)."""
    history = history_of(model)
    key = model._meta.pk.attname
    newest = (
        history.objects.filter(**{key: OuterRef(key), "history_date__lte": moment})
        .order_by("-history_date", "-history_id")
        .values("history_id")[:1]
    )
    born: QuerySet[Any] = history.objects.filter(history_type="+", history_date__lte=moment)
    ids = born.annotate(newest=Subquery(newest)).values("newest")
    found = history.objects.filter(history_id__in=ids, **where)
    if not deleted:
        found = found.exclude(history_type="-")
    return list(found.order_by(key)[:most])


@dataclass
class Labels:
    """What related objects were called at the moment; each is asked for once."""

    moment: dt.datetime
    known: dict[tuple[type[models.Model], Any], str] = field(default_factory=dict)

    def of(self, model: type[models.Model], pk: Any) -> str:
        if pk is None:
            return ""
        if (model, pk) not in self.known:
            self.known[model, pk] = self.read(model, pk)
        return self.known[model, pk]

    def read(self, model: type[models.Model], pk: Any) -> str:
        if issubclass(model, Tracked) and (row := row_at(model, pk, self.moment)):
            return name_of(row)
        found = model._default_manager.filter(pk=pk).first()
        return str(found) if found else f"{model._meta.verbose_name} {pk}"


def name_of(row: Any) -> str:
    """What a version was called. Some names speak of related objects, which may be gone."""
    try:
        return str(row.instance)
    except ObjectDoesNotExist:
        return str(row)


@dataclass(frozen=True)
class Value:
    name: str
    text: str
    then: bool = True


def values_at(row: Any, labels: Labels) -> list[Value]:
    """Every field of a version, with the names that related objects had then."""
    found = []
    for column in type(row).tracked_fields:
        raw = getattr(row, column.attname)
        if column.name in MASKED:
            found.append(Value(column.name, "hidden" if raw else ""))
        elif column.is_relation and column.related_model:
            model = column.related_model
            found.append(Value(column.name, labels.of(model, raw), issubclass(model, Tracked)))
        elif column.choices:
            found.append(Value(column.name, str(dict(column.flatchoices).get(raw, raw))))
        else:
            found.append(Value(column.name, "" if raw is None else str(raw)))
    return found


@dataclass(frozen=True)
class Related:
    """What belonged to an object at the moment."""

    title: str
    lines: list[str]


@dataclass(frozen=True)
class State:
    """One object as it stood. `row` is the version; `gone` when it had been deleted."""

    row: Any
    values: list[Value]
    related: list[Related]
    gone: bool


def state(reader: User, label: str, pk: str, moment: dt.datetime) -> State | None:
    """None: it did not exist yet. Raises Absent for who may not see it."""
    if not holds(reader, "audit.view"):
        raise Absent
    model = model_named(label)
    require_object(reader, label, pk)
    require_moment(reader, moment)
    try:
        key = model._meta.pk.to_python(pk)
        row = row_at(model, key, moment)
    except (ValidationError, ValueError, OverflowError):
        raise Absent from None
    if row is None:
        return None
    labels = Labels(moment)
    gone = row.history_type == "-"
    related = [] if gone else list(related_at(label, key, moment, labels))
    return State(row, values_at(row, labels), related, gone)


def related_at(label: str, pk: Any, moment: dt.datetime, labels: Labels) -> Iterable[Related]:
    if label == "registry.agent":
        grants = rows_at(model_named("registry.grant"), moment, agent_id=pk)
        live = [row for row in grants if live_at(row, moment)]
        yield Related("Permissions", [grant_line(row, labels) for row in live])
    if label == "policies.policy":
        rows = rows_at(model_named("policies.policyversion"), moment, policy_id=pk)
        yield Related("Versions", [f"v{row.number}: {row.status}" for row in rows])
    if label == "approvals.queue":
        yield Related("Entrusted to", entrusted_at(pk, moment))
        points = rows_at(model_named("approvals.checkpoint"), moment, queue_id=pk)
        yield Related("Checkpoints", [f"{row.title}: {row.approvers} people" for row in points])


def live_at(row: Any, moment: dt.datetime) -> bool:
    """Whether something that begins and ends was in effect."""
    ended = getattr(row, "revoked_at", None) or getattr(row, "ends_at", None)
    expires = getattr(row, "expires_at", None)
    return (
        row.starts_at <= moment
        and (ended is None or ended > moment)
        and (expires is None or expires > moment)
    )


def grant_line(row: Any, labels: Labels) -> str:
    tool = labels.of(apps.get_model("registry.Tool"), row.tool_id)
    scope = f", within {row.scope}" if row.scope else ", whole tool"
    return f"{tool}{scope}, until {row.expires_at:%Y-%m-%d}, given by {row.granted_by_label}"


RIGHTS = ("queue_right.granted", "queue_right.revoked")


def entrusted_at(queue_id: Any, moment: dt.datetime) -> list[str]:
    """Who could decide in a queue: rights are no versions, so the acts are read in order."""
    acts = LedgerEvent.objects.filter(
        object_type="approvals.queue", object_id=str(queue_id), type__in=RIGHTS, at__lte=moment
    ).order_by("at", "pk")
    people: dict[str, None] = {}
    for type, before, after in acts.values_list("type", "before", "after"):
        person = (after or before or {}).get("person", "")
        if type == "queue_right.granted":
            people[person] = None
        else:
            people.pop(person, None)
    return sorted(people)


@dataclass(frozen=True)
class Kind:
    """A kind of thing that the page of a moment can list."""

    label: str
    title: str
    columns: tuple[str, ...]
    ends: bool = False


KINDS: Mapping[str, Kind] = {
    "agents": Kind("registry.agent", "Agents", ("name", "status", "owner", "version", "risk_tier")),
    "grants": Kind("registry.grant", "Permissions", ("agent", "tool", "scope", "expires_at"), True),
    "policies": Kind(
        "policies.policyversion", "Policies", ("policy", "number", "status", "activated_at")
    ),
    "queues": Kind("approvals.queue", "Queues", ("name", "purpose", "escalates_to")),
    "council": Kind("council.seat", "Council", ("user", "function", "alternate"), True),
    "roles": Kind("access.roleassignment", "Roles", ("user", "role", "granted_by_label"), True),
}


@dataclass(frozen=True)
class Line:
    pk: Any
    title: str
    values: list[Value]
    gone_now: bool


def listing(reader: User, kind: Kind, moment: dt.datetime) -> list[Line]:
    """Everything of a kind as it stood, what is gone today included."""
    if not holds(reader, "audit.view"):
        raise Absent
    require_whole(reader)
    model = model_named(kind.label)
    rows = [row for row in rows_at(model, moment) if not kind.ends or live_at(row, moment)]
    if kind.label == "policies.policyversion":
        rows = [row for row in rows if row.status in ("in_force", "suspended")]
    labels = Labels(moment)
    key = model._meta.pk.attname
    ids = [getattr(row, key) for row in rows]
    still = set(model._default_manager.filter(pk__in=ids).values_list("pk", flat=True))
    return [line_of(row, kind, labels, getattr(row, key) not in still) for row in rows]


def line_of(row: Any, kind: Kind, labels: Labels, gone_now: bool) -> Line:
    values = {value.name: value for value in values_at(row, labels)}
    pk = getattr(row, row.instance_type._meta.pk.attname)
    return Line(pk, name_of(row), [values[name] for name in kind.columns], gone_now)
