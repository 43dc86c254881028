"""Electorates and tallies, in integers only (council.md 4.2). No database, no clock."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

FEWEST = 3


@dataclass(frozen=True)
class Elector:
    """One seat at the moment the ballot opened."""

    person: int
    function: str = ""
    affiliation: str = ""
    recused: bool = False
    may_veto: bool = False


@dataclass(frozen=True)
class Vote:
    """A ballot as cast; of several by one person the last counts."""

    person: int
    choice: str
    reason: str = ""


@dataclass(frozen=True)
class ClassRules:
    """What a class of motions needs. Shares are pairs (numerator, denominator); a `strict` share
    must be exceeded, the other reached. Constitutional motions count against all seats."""

    majority: tuple[int, int] = (1, 2)
    majority_strict: bool = True
    of_all_seats: bool = False
    quorum: tuple[int, int] = (1, 2)
    quorum_strict: bool = True
    fewest: int = FEWEST
    functions: frozenset[str] = frozenset()
    collapse: bool = False
    vetoes: bool = False


STANDARD = ClassRules()
SIGNIFICANT = ClassRules(
    majority=(2, 3),
    majority_strict=False,
    quorum=(2, 3),
    quorum_strict=False,
    functions=frozenset({"security", "compliance"}),
)
CONSTITUTIONAL = ClassRules(
    majority=(3, 4), majority_strict=False, of_all_seats=True, quorum=(0, 1), quorum_strict=False
)
CLASSES = {
    "standard": STANDARD,
    "significant": SIGNIFICANT,
    "constitutional": CONSTITUTIONAL,
}


@dataclass(frozen=True)
class Tally:
    """`outcome` is adopted, defeated, inquorate, vetoed or escalated."""

    outcome: str
    sentence: str
    votes_for: int = 0
    against: int = 0
    abstained: int = 0
    eligible: int = 0
    seats: int = 0
    quorum_needed: int = 0
    cast: int = 0
    counted: Mapping[int, str] = field(default_factory=dict)


def reaches(part: int, share: tuple[int, int], whole: int, *, strict: bool) -> bool:
    """part / whole > (or ≥) numerator / denominator, by cross-multiplication."""
    left, right = part * share[1], share[0] * whole
    return left > right if strict else left >= right


def needed(share: tuple[int, int], whole: int, *, strict: bool) -> int:
    """The smallest number that reaches the share of the whole."""
    return next(n for n in range(whole + 2) if reaches(n, share, whole, strict=strict))


def can_decide(electorate: Sequence[Elector]) -> bool:
    """Below three eligible seats, or a third of all, the body cannot decide."""
    eligible = sum(not elector.recused for elector in electorate)
    return eligible >= FEWEST and eligible * 3 >= len(electorate)


def tally(electorate: Sequence[Elector], votes: Iterable[Vote], rules: ClassRules) -> Tally:
    """What the ballots decide. Ballots of outsiders and of the recused are not counted."""
    eligible = {elector.person: elector for elector in electorate if not elector.recused}
    counted = {vote.person: vote for vote in votes if vote.person in eligible}
    base = Tally(
        "",
        "",
        eligible=len(eligible),
        seats=len(electorate),
        cast=len(counted),
        quorum_needed=max(
            rules.fewest,
            needed(rules.quorum, len(eligible), strict=rules.quorum_strict),
        ),
        counted={person: vote.choice for person, vote in counted.items()},
    )
    if not can_decide(electorate):
        return replace(
            base,
            outcome="escalated",
            sentence=f"Only {len(eligible)} of {len(electorate)} seats may decide.",
        )
    if rules.vetoes and (veto := valid_veto(eligible, counted)):
        return replace(base, outcome="vetoed", sentence=f"Vetoed: {veto.reason}")
    base = counts(base, eligible, counted, rules)
    return verdict(base, eligible, counted, rules)


def valid_veto(eligible: Mapping[int, Elector], counted: Mapping[int, Vote]) -> Vote | None:
    """A veto counts from a seat that has one, and with a reason; else it is a vote against."""
    return next(
        (
            vote
            for person, vote in counted.items()
            if vote.choice == "veto" and vote.reason.strip() and eligible[person].may_veto
        ),
        None,
    )


COUNTS_AS = {"veto": "against", "conflict": "abstain"}


def counts(
    base: Tally,
    eligible: Mapping[int, Elector],
    counted: Mapping[int, Vote],
    rules: ClassRules,
) -> Tally:
    voices = {"for": 0, "against": 0, "abstain": 0}
    seen: set[tuple[str, str]] = set()
    for person, vote in counted.items():
        choice = COUNTS_AS.get(vote.choice, vote.choice)
        home = eligible[person].affiliation
        if rules.collapse and home:
            if (home, choice) in seen:
                continue
            seen.add((home, choice))
        voices[choice] += 1
    return replace(
        base, votes_for=voices["for"], against=voices["against"], abstained=voices["abstain"]
    )


def verdict(
    base: Tally,
    eligible: Mapping[int, Elector],
    counted: Mapping[int, Vote],
    rules: ClassRules,
) -> Tally:
    if base.cast < base.quorum_needed:
        sentence = f"{base.cast} of {base.quorum_needed} votes that a quorum needs were cast."
        return replace(base, outcome="inquorate", sentence=sentence)
    present = {eligible[person].function for person in counted}
    seated = {elector.function for elector in eligible.values()}
    if missing := sorted((rules.functions & seated) - present):
        sentence = f"{' and '.join(missing).capitalize()} must have voted, whichever way."
        return replace(base, outcome="inquorate", sentence=sentence)
    whole = base.seats if rules.of_all_seats else base.votes_for + base.against
    won = base.votes_for > 0 and reaches(
        base.votes_for, rules.majority, whole, strict=rules.majority_strict
    )
    words = f"{base.votes_for} for, {base.against} against, {base.abstained} abstained."
    return replace(base, outcome="adopted" if won else "defeated", sentence=words)


def settled(electorate: Sequence[Elector], votes: Sequence[Vote], rules: ClassRules) -> bool:
    """Whether the votes still out cannot change the outcome, whichever way they fall and even if
    nobody changes a vote already cast. With collapsing or vetoes nothing is settled early."""
    voted = {vote.person for vote in votes}
    out = [e for e in electorate if not e.recused and e.person not in voted]
    if rules.collapse or rules.vetoes:
        return not out
    outcomes = {tally(electorate, votes, rules).outcome}
    for choice in ("for", "against", "abstain"):
        for count in range(1, len(out) + 1):
            more = [Vote(e.person, choice) for e in out[:count]]
            outcomes.add(tally(electorate, [*votes, *more], rules).outcome)
    return len(outcomes) == 1


def came_late(before: Tally, after: Tally) -> bool:
    """Whether a vote made the quorum: in the last days of a ballot it then stays open longer, so
    that those who relied on its absence may still answer."""
    return before.outcome == "inquorate" and after.outcome != "inquorate"


def show_of_hands(asked: int, yes: int, no: int, *, over: bool) -> bool | None:
    """What members decide among themselves: at once when more than half of those asked say the
    same; when its time is over, by more yes than no if more than half have answered. A tie and
    silence are a no. None while it is open."""
    if yes * 2 > asked:
        return True
    if no * 2 > asked:
        return False
    if not over:
        return None
    return yes > no and (yes + no) * 2 > asked


@dataclass(frozen=True)
class Ties:
    """What binds a person to a motion."""

    owns_agent: bool = False
    created_agent: bool = False
    wrote_text: bool = False
    manages_owner: bool = False
    found_partial: str = ""
    subject_of_incident: bool = False
    declared: str = ""
    away: str = ""


def recusal(ties: Ties, klass: str) -> str:
    """Why a member may speak but not vote; "" when they may. Authors of a text vote on standard
    motions."""
    if ties.owns_agent:
        return "Owns the agent."
    if ties.created_agent:
        return "Registered the agent."
    if ties.subject_of_incident:
        return "Is the subject of the incident."
    if ties.manages_owner:
        return "Manages the owner."
    if ties.found_partial:
        return f"The other members found them partial: {ties.found_partial}"
    if ties.wrote_text and klass != "standard":
        return "Wrote the text."
    return ties.declared


def class_of(kind: str, *, loosens: bool, new_capability: bool) -> str:
    """The class of a motion by rule, never by choice: council rules are constitutional; new
    capabilities and anything that loosens are significant; the rest is standard."""
    if kind in ("rules", "ratify"):
        return "constitutional"
    if new_capability or loosens or kind in ("activation", "grant", "checkpoint", "readiness"):
        return "significant"
    return "standard"


DEFAULTS: dict[str, dict[str, int]] = {
    "standard": {"comment": 2, "ballot": 3, "least_open": 1, "late": 1, "timelock": 0},
    "significant": {"comment": 5, "ballot": 5, "least_open": 1, "late": 2, "timelock": 1},
    "constitutional": {"comment": 10, "ballot": 10, "least_open": 1, "late": 2, "timelock": 3},
}
PERIODS = ("comment", "ballot", "least_open", "late", "timelock")
EMERGENCY_DAYS, EXTENDED_DAYS, REPORT_DAYS = 3, 14, 2
CERTIFIED_DAYS, NOTICE_DAYS = 180, 30
DISSENT_DAYS, CHALLENGE_DAYS, STOPPED_DAYS, SECOND_BALLOT_DAYS = 2, 2, 5, 1
ANNOUNCED_HOURS = (24, 4)
POWERS = ("security", "compliance", "chair")


@dataclass(frozen=True)
class Constitution:
    """The council's own rules as they stand: periods in days by class, whether ballots of one
    department count as one, the functions that may veto and stop, and who decides (a user name)
    where too few members may. Changed by a constitutional motion only."""

    periods: Mapping[str, Mapping[str, int]] = field(default_factory=lambda: DEFAULTS)
    collapse: bool = False
    guardians: tuple[str, ...] = ("security", "compliance")
    authority: str = ""

    def rules_for(self, klass: str, *, loosens: bool) -> ClassRules:
        return replace(CLASSES[klass], collapse=self.collapse, vetoes=loosens)


def constitution_from(values: Mapping[str, object]) -> Constitution:
    """Reads stored values; what is not stored is as in the defaults. Raises ValueError with a
    sentence for values that no council could work with."""
    periods = {name: dict(DEFAULTS[name]) for name in DEFAULTS}
    given = values.get("periods", {})
    if not isinstance(given, Mapping) or set(given) - set(DEFAULTS):
        raise ValueError("Periods are given by class.")
    for klass, found in given.items():
        if not isinstance(found, Mapping) or set(found) - set(PERIODS):
            raise ValueError(f"The periods of {klass} are {', '.join(PERIODS)}.")
        for name, days in found.items():
            if not isinstance(days, int) or isinstance(days, bool) or not 0 <= days <= 90:
                raise ValueError(f"{name} of {klass} is a number of days from 0 to 90.")
            periods[klass][name] = days
        if periods[klass]["ballot"] < max(1, periods[klass]["least_open"]):
            raise ValueError(f"A ballot of {klass} is open for at least a day.")
    guardians = values.get("guardians", ["security", "compliance"])
    if not isinstance(guardians, (list, tuple)) or not guardians:
        raise ValueError("Somebody must be able to stop a motion in its waiting time.")
    return Constitution(
        periods,
        bool(values.get("collapse", False)),
        tuple(map(str, guardians)),
        str(values.get("authority", "")),
    )


def loosens(kind: str, packet: Mapping[str, object]) -> bool:
    """Whether a motion lets agents do more than before: read from its packet, not declared."""
    if kind in ("checkpoint", "readiness"):
        return bool(packet.get("fewer") or packet.get("looser"))
    if kind != "policy":
        return kind in ("activation", "grant")
    analysis = packet.get("analysis", {})
    changes = analysis.get("changes", []) if isinstance(analysis, Mapping) else []
    skipped = analysis.get("skipped", []) if isinstance(analysis, Mapping) else []
    return bool(skipped) or any(change["step"] < 0 for change in changes)
