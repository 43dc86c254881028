"""The grammar of the trail: `key:value`, `-` to exclude, `a..b`, `approval.*`, quoted values.

Whatever is typed gives a Trail; what cannot be understood is left out and said in a sentence.
"""

from __future__ import annotations

import datetime as dt
import re
import unicodedata
import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

LONGEST = 2_000
MOST_TERMS = 40
KINDS = ("person", "agent", "system")
KEYS: dict[str, str] = {
    "type": "Kind of act, as approval.voted; a whole family as approval.*",
    "kind": "Who acts: person, agent or system",
    "actor": "Somebody by name, or as person/5",
    "outcome": "How it ended: done, allowed, denied, waiting …",
    "object": "One object as registry.agent/3, or by its name",
    "object_type": "A kind of object, as policies.policy",
    "agent": "An agent by its slug: what it did, and what was done to it",
    "policy": "A policy that decided, as payments or payments@3",
    "rule": "A rule that decided, by its id",
    "run": "Everything in a run, as R-12",
    "request": "Everything in an approval request, as C-12",
    "session": "Everything in a session of an agent",
    "act": "Everything in one act (a web request, a task)",
    "behalf": "Acts on behalf of somebody",
    "at": "When (UTC): 2026-11-01..2026-11-23, ..2026-11-23, or one day",
}
ALIASES = {"actor_kind": "kind", "on_behalf_of": "behalf", "tool": "", "id": ""}
TOKEN = re.compile(r'(-?)(?:([A-Za-z_]+):)?(?:"((?:[^"\\]|\\.)*)"|(\S+))')
WORD = re.compile(r"[^\W_]+")
CONTROL = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")


@dataclass(frozen=True)
class Term:
    """One condition. A word has no key; `prefix` is a word or a value that ended in `*`."""

    key: str
    value: str
    excluded: bool = False
    prefix: bool = False

    def __str__(self) -> str:
        text = quoted(self.value) + ("*" if self.prefix and not self.value.endswith(".") else "")
        if self.prefix and self.value.endswith("."):
            text = f"{self.value}*"
        return ("-" if self.excluded else "") + (f"{self.key}:" if self.key else "") + text


def quoted(value: str) -> str:
    plain = value and not re.search(r'[\s"\\]', value)
    if plain and value[0] != "-" and ":" not in value.partition("..")[0] and value[-1] != "*":
        return value
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


@dataclass(frozen=True)
class Trail:
    """What somebody looks for. `problems` are sentences; the text of what was understood is
    `str(trail)`, and reading that text gives the same trail."""

    terms: tuple[Term, ...] = ()
    problems: tuple[str, ...] = field(default=(), compare=False)

    def __str__(self) -> str:
        return " ".join(map(str, self.terms))

    @property
    def words(self) -> tuple[Term, ...]:
        return tuple(term for term in self.terms if not term.key)

    def of(self, key: str, *, excluded: bool = False) -> tuple[Term, ...]:
        return tuple(term for term in self.terms if term.key == key and term.excluded is excluded)

    def value(self, key: str) -> str:
        """What a form control for this key shows: its one value, or "" where there is more."""
        found = self.of(key)
        if len(found) != 1:
            return ""
        return str(replace(found[0], key="")) if found[0].prefix else found[0].value

    def without(self, *gone: Term) -> Trail:
        return replace(self, terms=tuple(term for term in self.terms if term not in gone))

    def having(self, *more: Term) -> Trail:
        return replace(self, terms=unique([*self.terms, *more]))

    def setting(self, key: str, value: str) -> Trail:
        """The trail with this key narrowed to one value; "" takes the key away."""
        kept = self.without(*self.of(key))
        return kept.having(*parse(f"{key}:{quoted_star(value)}").terms) if value else kept


def quoted_star(value: str) -> str:
    return f"{quoted(value[:-1])}*" if value.endswith("*") and len(value) > 1 else quoted(value)


def unique(terms: Iterable[Term]) -> tuple[Term, ...]:
    return tuple(dict.fromkeys(terms))


def parse(text: str) -> Trail:
    """Reads a query. Never raises."""
    problems: list[str] = []
    if len(text) > LONGEST:
        problems.append(f"The query is longer than {LONGEST:,} characters; the rest was left out.")
    text = CONTROL.sub(" ", text[:LONGEST])
    terms = unique(read(text, problems))
    if len(terms) > MOST_TERMS:
        problems.append(f"Only the first {MOST_TERMS} conditions were used.")
    return Trail(terms[:MOST_TERMS], tuple(dict.fromkeys(problems)))


def read(text: str, problems: list[str]) -> Iterator[Term]:
    for sign, key, inside, bare in (found.groups() for found in TOKEN.finditer(text)):
        value = re.sub(r"\\(.)", r"\1", inside) if inside is not None else bare
        if not key and value[:-1].lower() in KEYS and value.endswith(":"):
            key, value = value[:-1], ""
        name = ALIASES.get(key.lower(), key.lower()) if key else ""
        if key and name not in KEYS:
            problems.append(f"“{key}” is no key of the trail; {key}:{value} was read as words.")
            name, value = "", f"{key} {value}"
        starred = inside is None and value.endswith("*")
        yield from term_of(sign == "-", name, value[:-1] if starred else value, starred, problems)


def term_of(
    excluded: bool, key: str, value: str, prefix: bool, problems: list[str]
) -> Iterator[Term]:
    value = value.strip()
    if not key:
        found = WORD.findall(plain(value))
        yield from (
            Term("", word, excluded, prefix and index == len(found) - 1)
            for index, word in enumerate(found)
        )
        return
    if sentence := fault(key, value, prefix, excluded):
        problems.append(sentence)
        return
    yield Term(key, value, excluded, prefix)


def fault(key: str, value: str, prefix: bool, excluded: bool) -> str:
    """Why a value cannot stand under its key; "" when it can."""
    if not value:
        return f"{key}: has no value; it was left out."
    if key == "kind" and value not in KINDS:
        return f"“{value}” is not person, agent or system; kind:{value} was left out."
    if key == "at":
        return at_fault(value, excluded)
    if prefix and not (key == "type" and value.endswith(".") and len(value) > 1):
        return f"A * stands only for a whole family, as type:approval.*; {key}:{value}* left out."
    if key == "act" and identifier(value) is None:
        return f"“{value}” is not the id of an act; it was left out."
    return ""


def at_fault(value: str, excluded: bool) -> str:
    if excluded:
        return "A time cannot be excluded; give the range that you want."
    try:
        low, high = span(value)
    except (ValueError, OverflowError):
        return f"“{value}” is not a day or a range as 2026-11-01..2026-11-23; it was left out."
    if low and high and low >= high:
        return f"The range {value} ends before it begins; it was left out."
    return ""


def span(value: str) -> tuple[dt.datetime | None, dt.datetime | None]:
    """The moments from (included) and to (not included) of `a..b`, in UTC. A day stands for all
    of it. Raises ValueError."""
    low, dots, high = value.partition("..")
    if not dots:
        return moment(low), moment(low, end=True)
    if not (low or high):
        raise ValueError("An empty range.")
    return moment(low) if low else None, moment(high, end=True) if high else None


def moment(value: str, *, end: bool = False) -> dt.datetime:
    found = dt.datetime.fromisoformat(value)
    if end and len(value) <= len("2026-11-24"):
        found += dt.timedelta(days=1)
    found = found if found.tzinfo else found.replace(tzinfo=dt.UTC)
    return found.astimezone(dt.UTC)


def identifier(value: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(value)
    except ValueError:
        return None


def plain(text: str) -> str:
    """Lower case without accents: what the index holds and what is asked of it."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(mark for mark in decomposed if not unicodedata.combining(mark)).casefold()


CONTROLS = ("type", "kind", "outcome", "from", "to")
PARAMETERS = ("type", "kind", "actor_kind", "outcome", "actor", "object_type", "agent", "policy")
PIVOTS = ("run", "act", "session", "request")


def from_query(query: Mapping[str, str]) -> Trail:
    """The trail of an address: `q`, and parameters by name beside it (form controls, and links
    from other pages). A control overrules `q` where it was moved: where it differs from what the
    query in `was` had shown in it."""
    trail = parse(query.get("q", ""))
    before = controls(parse(query["was"])) if "was" in query else {}
    problems = trail.problems
    for name in (*PARAMETERS, *PIVOTS):
        value = query.get(name, "").strip()
        if name in query and value != before.get(name, ""):
            changed = trail.setting(ALIASES.get(name, name), value)
            problems += parse(f"{name}:{quoted_star(value)}").problems if value else ()
            trail = changed
    trail = with_object(trail, query)
    found, more = with_span(trail, query, before)
    return replace(found, problems=tuple(dict.fromkeys((*problems, *more))))


def with_object(trail: Trail, query: Mapping[str, str]) -> Trail:
    """`?object_type=…&object=…` of older links name one object together."""
    kind, pk = query.get("object_type", "").strip(), query.get("object", "").strip()
    if not pk:
        return trail
    kept = trail.without(*trail.of("object_type"))
    return kept.setting("object", f"{kind}/{pk}" if kind else pk)


def with_span(
    trail: Trail, query: Mapping[str, str], before: Mapping[str, str]
) -> tuple[Trail, tuple[str, ...]]:
    asked = {name: query.get(name, "").strip() for name in ("from", "to")}
    if all(asked[name] == before.get(name, "") for name in asked):
        return trail, ()
    kept = trail.without(*trail.of("at"))
    if not any(asked.values()):
        return kept, ()
    found = parse(f"at:{quoted('..'.join(asked.values()))}")
    return kept.having(*found.terms), found.problems


def controls(trail: Trail) -> dict[str, str]:
    """What the form's controls show for a trail."""
    found = {name: trail.value(name) for name in ("type", "kind", "outcome")}
    spans = [term.value for term in trail.of("at")]
    low, dots, high = spans[0].partition("..") if len(spans) == 1 else ("", "", "")
    return {**found, "from": low, "to": high if dots else low}
