"""The trail: finding events, a page at a time, with counts beside it."""

from __future__ import annotations

import datetime as dt
import uuid
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from django.db.models import QuerySet

from apps.access.models import User
from apps.access.queries import holds
from apps.approvals.models import ApprovalRequest
from apps.audit.index import asking, tokens, writing
from apps.audit.index.asking import Asked
from apps.audit.index.tokens import token
from apps.audit.models import TrailEntry
from apps.audit.queries.scope import scope_of
from apps.audit.rules.grammar import Term, Trail, identifier, span
from apps.common.errors import Absent
from apps.common.paging import COUNT_CAP, cursor_of, read_cursor
from apps.ledger.catalogue import sentence
from apps.ledger.models import LedgerEvent
from apps.orchestration.models import Run
from apps.runtime.models import Session

SIZE = 50
TAIL = 2_000
FACETED = 2_000
FACETS = ("type", "kind", "actor", "outcome", "object_type")
MOST_VALUES = 8
COLUMNS = {
    "type": "type",
    "outcome": "outcome",
}


@dataclass
class Sought:
    """A trail turned into questions: `lookups` where one index of the ledger answers alone,
    otherwise `asked` of the index of words."""

    asked: Asked
    lookups: dict[str, Any] | None
    low: dt.datetime | None = None
    high: dt.datetime | None = None
    problems: tuple[str, ...] = ()

    @cached_property
    def tail(self) -> tuple[list[LedgerEvent], int]:
        """The events that the index does not know yet and that answer; and how many were not
        read, because too many wait to be indexed."""
        waiting = list(writing.unindexed()[: TAIL + 1])
        unread = writing.unindexed().count() - TAIL if len(waiting) > TAIL else 0
        events = waiting[:TAIL]
        known = tokens.around(events) if events else tokens.Surroundings()
        return [event for event in events if meets(self, event, known)], unread


@dataclass
class Found:
    """One page of the trail. Cursors are "" where there is nothing to go to. `unread` events are
    newer than the index of words and too many to be read for this page."""

    rows: list[LedgerEvent]
    older: str = ""
    newer: str = ""
    count: str = "0"
    unread: int = 0
    problems: tuple[str, ...] = field(default=())


def readable(reader: User) -> QuerySet[LedgerEvent]:
    if not holds(reader, "audit.view"):
        return LedgerEvent.objects.none()
    return LedgerEvent.objects.select_related("personal")


def event(reader: User, pk: uuid.UUID) -> LedgerEvent:
    """One event. Raises Absent for who may not see it, as for what is not there."""
    found = readable(reader).filter(pk=pk).first()
    if found is None or not in_scope(reader, found):
        raise Absent
    return found


def in_scope(reader: User, found: LedgerEvent) -> bool:
    scope = scope_of(reader)
    if not scope.terms:
        return True
    return meets(resolve(scope), found, tokens.around([found]))


def scoped(reader: User, trail: Trail) -> list[Trail]:
    """What has to be true at once: what the reader asks, and what the reader's role allows."""
    scope = scope_of(reader)
    return [trail, scope] if scope.terms else [trail]


def sought(reader: User, trail: Trail) -> Sought:
    parts = [resolve(part) for part in scoped(reader, trail)]
    if len(parts) == 1:
        return parts[0]
    first, scope = parts
    lows = [part.low for part in parts if part.low]
    highs = [part.high for part in parts if part.high]
    low, high = max(lows, default=None), min(highs, default=None)
    groups = (*first.asked.groups, *scope.asked.groups)
    asked = Asked(groups, first.asked.excluded, **numbers_between(low, high))
    lookups = None if scope.asked.groups else first.lookups
    return replace(first, asked=asked, lookups=lookups, low=low, high=high)


def resolve(trail: Trail) -> Sought:
    problems: list[str] = []
    groups: list[tuple[str, ...]] = []
    excluded: list[str] = []
    for term in trail.words:
        word = term.value + ("*" if term.prefix else "")
        if term.excluded:
            excluded.append(word)
        else:
            groups.append((word,))
    for key in dict.fromkeys(term.key for term in trail.terms if term.key not in ("", "at")):
        if wanted := trail.of(key):
            groups.append(tuple(each for term in wanted for each in tokens_for(term, problems)))
        for term in trail.of(key, excluded=True):
            excluded += tokens_for(term, problems)
    low, high = bounds(trail)
    asked = Asked(tuple(groups), tuple(excluded), **numbers_between(low, high))
    return Sought(asked, lookups_for(trail, problems), low, high, tuple(problems))


def numbers_between(low: dt.datetime | None, high: dt.datetime | None) -> dict[str, Any]:
    found = {}
    if low:
        found["low"] = tokens.first_number(low)
    if high:
        found["high"] = max(tokens.first_number(high), found.get("low", 0))
    return found


def bounds(trail: Trail) -> tuple[dt.datetime | None, dt.datetime | None]:
    """The range that all `at:` conditions leave."""
    spans = [span(term.value) for term in trail.of("at")]
    return (
        max((low for low, _ in spans if low), default=None),
        min((high for _, high in spans if high), default=None),
    )


def tokens_for(term: Term, problems: list[str]) -> list[str]:
    if term.key == "type" and term.prefix:
        return [token("family", term.value.rstrip("."))]
    if term.key in RESOLVERS:
        return [token(term.key, value) for value in RESOLVERS[term.key](term.value, problems)]
    return [token(term.key, term.value)]


def run_ids(value: str, problems: list[str]) -> list[uuid.UUID]:
    return numbered_ids(Run, "R-", value, problems)


def request_ids(value: str, problems: list[str]) -> list[uuid.UUID]:
    return numbered_ids(ApprovalRequest, "C-", value, problems)


def numbered_ids(model: Any, letter: str, value: str, problems: list[str]) -> list[uuid.UUID]:
    if found := identifier(value):
        return [found]
    digits = value.upper().removeprefix(letter)
    if digits.isascii() and digits.isdigit() and len(digits) < 19:
        found = model.objects.filter(number=int(digits)).values_list("pk", flat=True).first()
        if found:
            return [found]
    problems.append(f"There is no {letter}{digits}; nothing can match it.")
    return [uuid.UUID(int=0)]


def session_ids(value: str, problems: list[str]) -> list[uuid.UUID]:
    if found := identifier(value):
        return [found]
    rows = list(Session.objects.filter(external_id=value).values_list("pk", flat=True)[:10])
    if not rows:
        problems.append(f"There is no session “{value}”; nothing can match it.")
    return rows or [uuid.UUID(int=0)]


RESOLVERS = {"run": run_ids, "request": request_ids, "session": session_ids}


def lookups_for(trail: Trail, problems: list[str]) -> dict[str, Any] | None:
    """The trail as a filter that one index of the ledger serves in the order of time; None where
    no single index does."""
    terms = [term for term in trail.terms if term.key != "at"]
    if not terms:
        return {}
    term = terms[0]
    if len(terms) > 1 or term.excluded or term.prefix:
        return None
    if term.key in COLUMNS:
        return {COLUMNS[term.key]: term.value}
    if term.key == "act":
        return {"act_id": identifier(term.value)}
    if term.key == "run":
        return {"run_id": run_ids(term.value, [])[0]}
    if term.key in ("actor", "object") and "/" in term.value:
        kind, _, pk = term.value.partition("/")
        names = ("actor_kind", "actor_id") if term.key == "actor" else ("object_type", "object_id")
        return dict(zip(names, (kind, pk), strict=True))
    return None


def meets(question: Sought, event: LedgerEvent, known: tokens.Surroundings) -> bool:
    if question.low and event.at < question.low:
        return False
    if question.high and event.at >= question.high:
        return False
    return question.asked.meets(tokens.tokens_of(event, known))


def look(
    reader: User,
    trail: Trail,
    *,
    after: str = "",
    before: str = "",
    size: int = SIZE,
    question: Sought | None = None,
) -> Found:
    """One page, newest first: what is older than the cursor `after`, or newer than `before`."""
    if not holds(reader, "audit.view"):
        return Found([])
    question = question or sought(reader, trail)
    newer_wanted = bool(before) and not after
    cursor = read_event_cursor(before if newer_wanted else after)
    if question.lookups is not None:
        found, count, unread = from_ledger(question, cursor, newer_wanted, size)
    else:
        found, count, unread = from_index(question, cursor, newer_wanted, size)
    more = len(found) > size
    rows = found[:size]
    if newer_wanted:
        rows.reverse()
    older_left = more if not newer_wanted else bool(rows)
    newer_left = more if newer_wanted else bool(cursor and rows)
    return Found(
        rows,
        older=cursor_of(rows[-1].at, rows[-1].pk) if rows and older_left else "",
        newer=cursor_of(rows[0].at, rows[0].pk) if rows and newer_left else "",
        count=count,
        unread=unread,
        problems=question.problems,
    )


Cursor = tuple[dt.datetime, uuid.UUID]


def read_event_cursor(text: str) -> Cursor | None:
    found = read_cursor(text) if text else None
    if found is None or found[0].tzinfo is None:
        return None
    pk = identifier(found[1])
    return (found[0], pk) if pk else None


def from_ledger(
    question: Sought, cursor: Cursor | None, newer: bool, size: int
) -> tuple[list[LedgerEvent], str, int]:
    rows = ledger_rows(question)
    counted = rows.order_by()[: COUNT_CAP + 1].count()
    if cursor:
        at, pk = cursor
        if newer:
            rows = rows.filter(at__gte=at).exclude(at=at, pk__lte=pk)
        else:
            rows = rows.filter(at__lte=at).exclude(at=at, pk__gte=pk)
    order = ("at", "pk") if newer else ("-at", "-pk")
    return list(rows.order_by(*order)[: size + 1]), in_words(counted), 0


def ledger_rows(question: Sought) -> QuerySet[LedgerEvent]:
    rows = LedgerEvent.objects.select_related("personal").filter(**question.lookups or {})
    if question.low:
        rows = rows.filter(at__gte=question.low)
    return rows.filter(at__lt=question.high) if question.high else rows


def from_index(
    question: Sought, cursor: Cursor | None, newer: bool, size: int
) -> tuple[list[LedgerEvent], str, int]:
    tail, unread = question.tail
    numbers = asking.numbers(question.asked, most=COUNT_CAP + 1)
    count = in_words(len(numbers) + len(tail))
    asked = question.asked
    if cursor:
        number = asking.number_of(cursor[1], cursor[0])
        if newer:
            asked = replace(asked, low=max(asked.low, number + 1))
            tail = [row for row in tail if (row.at, row.pk) > (cursor[0], cursor[1])]
        else:
            asked = replace(asked, high=min(asked.high, number))
            tail = [row for row in tail if (row.at, row.pk) < (cursor[0], cursor[1])]
        numbers = asking.numbers(asked, most=size + 1, oldest_first=newer)
    rows = merged(numbers[: size + 1], tail, newer)
    return rows[: size + 1], count, unread


def merged(numbers: Sequence[int], tail: list[LedgerEvent], newer: bool) -> list[LedgerEvent]:
    """Indexed and not yet indexed events in one order of time."""
    keys = [(number, event) for number, event in events_numbered(numbers)]
    keys += [(tokens.first_number(row.at) + tokens.SLOTS - 1, row) for row in tail]
    keys.sort(key=lambda pair: (pair[0], pair[1].pk), reverse=not newer)
    return [event for _, event in keys]


def events_numbered(numbers: Sequence[int]) -> Iterator[tuple[int, LedgerEvent]]:
    ids = dict(TrailEntry.objects.filter(pk__in=numbers).values_list("number", "event_id"))
    events = LedgerEvent.objects.select_related("personal").in_bulk(list(ids.values()))
    return ((number, events[ids[number]]) for number in numbers if ids.get(number) in events)


def in_words(number: int) -> str:
    return f"{number:,}" if number <= COUNT_CAP else f"more than {COUNT_CAP:,}"


@dataclass(frozen=True)
class Facet:
    """The commonest values of one key among the newest events that answer."""

    key: str
    values: list[tuple[str, str, int]]


@dataclass(frozen=True)
class Facets:
    """`of` events were counted; `whole` says that these were all that answer."""

    facets: list[Facet]
    of: int
    whole: bool


def facets(reader: User, trail: Trail, question: Sought | None = None) -> Facets:
    if not holds(reader, "audit.view"):
        return Facets([], 0, True)
    question = question or sought(reader, trail)
    rows = list(counted_rows(question))
    counters: dict[str, Counter[tuple[str, str]]] = {key: Counter() for key in FACETS}
    for kind, who, actor_kind, actor_id, outcome, object_type in rows[:FACETED]:
        counters["type"][kind, kind] += 1
        counters["kind"][actor_kind, actor_kind] += 1
        counters["actor"][f"{actor_kind}/{actor_id}" if actor_id else who, who] += 1
        counters["outcome"][outcome, outcome] += 1
        if object_type:
            counters["object_type"][object_type, object_type] += 1
    found = [
        Facet(key, [(value, words, n) for (value, words), n in counter.most_common(MOST_VALUES)])
        for key, counter in counters.items()
    ]
    return Facets(found, min(len(rows), FACETED), len(rows) <= FACETED)


FACET_FIELDS = ("type", "actor_label", "actor_kind", "actor_id", "outcome", "object_type")


def counted_rows(question: Sought) -> Iterable[tuple[str, ...]]:
    if question.lookups is not None:
        rows = ledger_rows(question).order_by("-at", "-pk")
        return rows.values_list(*FACET_FIELDS)[: FACETED + 1]
    tail, _ = question.tail
    numbers = asking.numbers(question.asked, most=FACETED + 1)
    ids = TrailEntry.objects.filter(pk__in=numbers).values("event_id")
    found = list(LedgerEvent.objects.filter(pk__in=ids).values_list(*FACET_FIELDS))
    return [tuple(getattr(row, name) for name in FACET_FIELDS) for row in tail] + found


def everything(
    reader: User, trail: Trail, *, until: dt.datetime, chunk: int = 500
) -> Iterator[LedgerEvent]:
    """Every event that answers, newest first, a chunk at a time; none of later than `until`, so
    that what is recorded meanwhile does not creep in."""
    bound = trail.having(Term("at", f"..{until.isoformat()}"))
    after = ""
    while True:
        page = look(reader, bound, after=after, size=chunk)
        yield from page.rows
        if not page.older:
            return
        after = page.older


def with_sentences(rows: Iterable[LedgerEvent]) -> list[LedgerEvent]:
    found = list(rows)
    for row in found:
        row.sentence = sentence(row.type)  # type: ignore[attr-defined]
    return found
