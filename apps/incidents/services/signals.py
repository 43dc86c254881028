"""From acts on record to groups of one failure each, and from groups to incidents."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterable, Mapping, Sequence

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Greatest, Least

from apps.access.models import User
from apps.access.services import permitted
from apps.common.clock import now
from apps.common.errors import Conflict, Invalid
from apps.incidents.grouping.fingerprint import VERSION, key_of
from apps.incidents.grouping.masks import masked
from apps.incidents.grouping.templates import Template, Tree
from apps.incidents.models import Group, GroupingRule, MessageTemplate, Reading, Signal
from apps.incidents.queries.sources import raws_of
from apps.incidents.rules import SOURCES, WINDOW, Raw, opens
from apps.incidents.services import jumps, opening, tidings
from apps.ledger.models import LedgerEvent
from apps.ledger.services import record

MOST = 5_000
# Transactions end in another order than they begin: what became visible late is still found.
OVERLAP = dt.timedelta(minutes=1)


def catch_up() -> int:
    """Reads what the ledger has new, a few thousand acts at a time. Answers how many signals. Two
    at once take turns at the row of the reading."""
    taken = 0
    while True:
        with transaction.atomic():
            reading = held()
            since = reading.at - OVERLAP
            events = list(
                LedgerEvent.objects.filter(type__in=SOURCES, at__gte=since).order_by("at", "id")[
                    :MOST
                ]
            )
            known = set(
                Signal.objects.filter(event_id__in=[event.pk for event in events]).values_list(
                    "event_id", flat=True
                )
            )
            fresh = [event for event in events if event.pk not in known]
            taken += take(raws_of(fresh))
            last = events[-1].at if events else reading.at
            if last > reading.at:
                Reading.objects.filter(pk=reading.pk).update(at=last)
        if len(events) < MOST or last <= reading.at:
            return taken


def held() -> Reading:
    Reading.objects.get_or_create(pk=1, defaults={"at": now()})
    return Reading.objects.select_for_update().get(pk=1)


def take(raws: Sequence[Raw]) -> int:
    """Puts signals into their groups, and opens what has to be opened. In the caller's
    transaction, which holds the reading."""
    if not raws:
        return 0
    known = {row.key: row.into_id for row in GroupingRule.objects.filter(ended_at=None)}
    keyed = [(raw, template, key) for raw, template in templates_for(raws) for key in [
        key_of(raw.source, raw.tool, raw.code, template.number)
    ]]  # fmt: skip
    groups = groups_for(keyed, known)
    Signal.objects.bulk_create(
        [
            Signal(
                event_id=raw.event_id,
                group=groups[key],
                at=raw.at,
                agent=raw.agent,
                run_id=raw.run_id,
                object_type=raw.object_type,
                object_id=raw.object_id,
                key="" if groups[key].key == key else key,
            )
            for raw, _, key in keyed
        ]
    )
    jumps.count([(key, raw.at.date()) for raw, _, key in keyed])
    by_group: dict[uuid.UUID, list[Raw]] = {}
    for raw, _, key in keyed:
        by_group.setdefault(groups[key].pk, []).append(raw)
    for group in {row.pk: row for row in groups.values()}.values():
        raws_of_it = by_group[group.pk]
        Group.objects.filter(pk=group.pk).update(
            count=F("count") + len(raws_of_it),
            last_at=Greatest(F("last_at"), max(raw.at for raw in raws_of_it)),
        )
        look_at(group, raws_of_it)
    return len(raws)


def templates_for(raws: Iterable[Raw]) -> list[tuple[Raw, Template]]:
    """Each signal with its template; new ones are kept, and wider ones changed."""
    trees: dict[tuple[str, str], Tree] = {}
    found: list[tuple[Raw, Template]] = []
    for raw in raws:
        place = (raw.source, raw.tool)
        if place not in trees:
            rows = MessageTemplate.objects.filter(source=raw.source, tool=raw.tool)
            trees[place] = Tree(Template(row.tokens, row.pk) for row in rows)
        template = trees[place].find(masked(raw.message))
        if not template.number:
            row = MessageTemplate.objects.create(
                source=raw.source, tool=raw.tool, tokens=template.tokens
            )
            template.number = row.pk
        found.append((raw, template))
    for template in {id(each): each for _, each in found if each.changed}.values():
        MessageTemplate.objects.filter(pk=template.number).update(tokens=template.tokens)
    return found


def groups_for(
    keyed: Sequence[tuple[Raw, Template, str]], ruled: Mapping[str, uuid.UUID]
) -> dict[str, Group]:
    """The open group of each key: where a person's rule says so, the one that it was put into
    (as long as that is open); one is made where there is none, and whoever comes second attaches
    to what the first made."""
    keys = {key for _, _, key in keyed}
    found = {row.key: row for row in Group.objects.filter(key__in=keys, is_open=True)}
    into = Group.objects.filter(is_open=True).in_bulk({ruled[key] for key in keys if key in ruled})
    found |= {key: into[ruled[key]] for key in keys if ruled.get(key) in into}
    made = {}
    for raw, template, key in keyed:
        if key not in found and key not in made:
            made[key] = Group(
                key=key,
                version=VERSION,
                source=raw.source,
                tool=raw.tool,
                code=raw.code,
                template_id=template.number,
                first_at=raw.at,
                last_at=raw.at,
            )
    if made:
        Group.objects.bulk_create(made.values(), ignore_conflicts=True)
        found |= {row.key: row for row in Group.objects.filter(key__in=made, is_open=True)}
    return found


def look_at(group: Group, raws: Sequence[Raw]) -> None:
    """Whether the group's signals of the last hour open an incident, or belong to one. A jump is
    noted whatever becomes of them."""
    jumped = jumps.note(group, {raw.at.date() for raw in raws})
    if group.incident is not None:
        opening.add_links(group.incident, raws)
        if jumped:
            tidings.jumped(group.incident, jumped)
        return
    last = max(raw.at for raw in raws)
    if group.snoozed_until is not None and group.snoozed_until > last:
        return
    lately = Signal.objects.filter(group=group, at__gte=last - WINDOW)[:100].count()
    many = opens(group.source, lately, grave=any(raw.grave for raw in raws))
    if many or jumped or group.jumped_on == last.date():
        opening.open_for(group, raws)


@permitted("incidents.command")
@transaction.atomic
def snooze(*, actor: User, group_id: uuid.UUID, until: dt.datetime, reason: str) -> None:
    """Until then the group counts and opens nothing. It needs an end and a reason."""
    if until <= now() or until > now() + dt.timedelta(days=90):
        raise Invalid("Choose a moment within 90 days.", fields={"until": ["Within 90 days."]})
    if not reason.strip():
        raise Invalid("Say why.", fields={"reason": ["Say why."]})
    rows = Group.objects.filter(pk=group_id, is_open=True, incident__isnull=True)
    if not rows.update(snoozed_until=until, snoozed_why=reason.strip()[:300]):
        raise Conflict("This group is closed, or belongs to an incident.")
    record(
        type="incident.group_snoozed",
        object=Group.objects.get(pk=group_id),
        reason=reason,
        after={"until": until},
    )


@permitted("incidents.command")
@transaction.atomic
def merge(*, actor: User, group: Group, into: Group, reason: str) -> GroupingRule:
    """Two groups are one failure: the signals of `group` move, and later ones of its key follow.
    Never across severities, where a grave one would be lost in a light one. Taken back by
    `split`."""
    rows = {row.pk: row for row in Group.objects.select_for_update().filter(
        pk__in=(group.pk, into.pk)).order_by("pk")}  # fmt: skip
    mine, other = rows[group.pk], rows[into.pk]
    if problem := merge_problem(mine, other):
        raise Conflict(problem)
    if not reason.strip():
        raise Invalid("Say why.", fields={"reason": ["Say why."]})
    moved = Signal.objects.filter(group=mine)
    moved.filter(key="").update(key=mine.key)
    number = Signal.objects.filter(group=mine).update(group=other)
    closed = Group.objects.filter(pk=mine.pk, is_open=True, merged_into=None).update(
        is_open=False, merged_into=other, count=0
    )
    if not closed:
        raise Conflict("Somebody else has just changed this group.")
    Group.objects.filter(pk=other.pk).update(
        count=F("count") + number,
        last_at=Greatest(F("last_at"), mine.last_at),
        first_at=Least(F("first_at"), mine.first_at),
    )
    GroupingRule.objects.filter(into=mine, ended_at=None).update(into=other)
    rule = GroupingRule(
        key=mine.key, group=mine, into=other, moved=number, reason=reason.strip(),
        made_by_label=str(actor), at=now(),
    )  # fmt: skip
    rule.save(force_insert=True)
    record(
        type="incident.groups_merged", object=other, reason=reason,
        after={"key": mine.key, "template": str(mine.template), "moved": number},
    )  # fmt: skip
    if other.incident is not None:
        opening.link_signals(other.incident, Signal.objects.filter(group=other, key=mine.key))
    return rule


def merge_problem(group: Group, into: Group) -> str:
    """Why two groups cannot be put together; "" when they can."""
    if group.pk == into.pk or not (group.is_open and into.is_open):
        return "Choose two open groups."
    severities = [
        row.incident.severity if row.incident else SOURCES[row.source].severity
        for row in (group, into)
    ]
    if severities[0] != severities[1]:
        return "Groups of different severity are not put together: a grave one would be lost."
    if group.incident_id is not None and group.incident_id != into.incident_id:
        return "It has an incident of its own: dismiss that as a duplicate instead."
    return ""


@permitted("incidents.command")
@transaction.atomic
def split(*, actor: User, rule_id: uuid.UUID, reason: str) -> Group:
    """Takes a merge back: the signals of its key go back to a group of their own, those that came
    since among them."""
    rule = GroupingRule.objects.select_related("group", "into").filter(pk=rule_id).first()
    if rule is None:
        raise Invalid("There is no such merge.")
    list(Group.objects.select_for_update().filter(pk__in=(rule.group_id, rule.into_id)))
    if not reason.strip():
        raise Invalid("Say why.", fields={"reason": ["Say why."]})
    ended = GroupingRule.objects.filter(pk=rule.pk, ended_at=None)
    if not ended.update(ended_at=now(), ended_by_label=str(actor)):
        raise Conflict("This was taken apart already.")
    back = Signal.objects.filter(group=rule.into, key=rule.key)
    number = back.update(group=rule.group, key="")
    Group.objects.filter(pk=rule.into_id).update(count=F("count") - number)
    # Where the same failure has come up anew meanwhile, that group is the open one.
    again = Group.objects.filter(key=rule.key, is_open=True).exists()
    Group.objects.filter(pk=rule.group_id).update(
        count=number, merged_into=None, is_open=not again, last_at=last_of(rule.group)
    )
    record(
        type="incident.groups_split", object=rule.into, reason=reason,
        after={"key": rule.key, "moved": number},
    )  # fmt: skip
    rule.group.refresh_from_db()
    return rule.group


def last_of(group: Group) -> dt.datetime:
    newest = Signal.objects.filter(group=group).order_by("-at").first()
    return newest.at if newest else group.last_at
