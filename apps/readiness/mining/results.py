"""What the analyses answer. Plain values; `as_json` turns any of them into what a row can keep."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import polars as pl

COLUMNS = ("case", "activity", "at", "resource", "team", "system", "cost", "start_at")


def as_json(value: Any) -> Any:
    """A result as JSON values: spans in seconds, moments in ISO 8601, frames left out."""
    if is_dataclass(value) and not isinstance(value, type):
        return {
            part.name: as_json(getattr(value, part.name))
            for part in fields(value)
            if part.name != "frame"
        }
    if isinstance(value, Mapping):
        return {str(key): as_json(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [as_json(item) for item in value]
    if isinstance(value, timedelta):
        return value.total_seconds()
    return value.isoformat() if isinstance(value, datetime) else value


class LogRefused(ValueError):
    """The whole input cannot be read. The message is for the person who uploaded it; `line` says
    where, counted from 1, if known."""

    def __init__(self, message: str, line: int | None = None) -> None:
        super().__init__(f"Line {line}: {message}" if line else message)
        self.line = line


class Cancelled(Exception):
    """Raised by a progress callback to stop a reader halfway; readers let it through."""


@dataclass(frozen=True)
class Fault:
    """Something wrong with one row: its line (or event number) and what, in words. `dropped`: the
    row could not be used; otherwise it was kept."""

    kind: str  # no_case, no_activity, no_moment, bad_moment, mixed_zones, end_before_start, …
    line: int
    message: str
    dropped: bool


@dataclass(frozen=True)
class EventLog:
    """Events sorted by case, moment and source order.

    `frame` has the columns case (text), activity (Enum), at (UTC, microseconds), resource, team,
    system (text, null where unknown), cost (float), start_at (UTC or null), then the attributes:
    those in `case_attributes` hold one value throughout each case, `event_attributes` may change.
    `faults` are the first hundred, `fault_counts` counts all of them by kind.
    """

    frame: pl.DataFrame
    case_attributes: tuple[str, ...] = ()
    event_attributes: tuple[str, ...] = ()
    faults: tuple[Fault, ...] = ()
    fault_counts: Mapping[str, int] = field(default_factory=dict)

    @property
    def events(self) -> int:
        return self.frame.height

    @property
    def cases(self) -> int:
        numbers = self.frame["case_no"]  # the events of a case lie together
        return int((numbers != numbers.shift()).sum()) + bool(self.events)

    @property
    def activities(self) -> tuple[str, ...]:
        """In the order of their codes, which is the alphabet's."""
        return tuple(self.frame.schema["activity"].categories)  # type: ignore[attr-defined]

    @property
    def first_at(self) -> datetime:
        return self.frame["at"].min()  # type: ignore[return-value]

    @property
    def last_at(self) -> datetime:
        return self.frame["at"].max()  # type: ignore[return-value]


@dataclass(frozen=True)
class Edge:
    """`source` directly followed by `target`. Spans in seconds. Elapsed, never "waiting", unless
    `queue` (start times are known: start of the target minus end of the source)."""

    source: str
    target: str
    count: int
    cases: int
    mean: float
    median: float
    p90: float
    queue_median: float | None = None


@dataclass(frozen=True)
class Step:
    """One activity in the graph."""

    activity: str
    count: int
    cases: int
    starts: int
    ends: int


@dataclass(frozen=True)
class Graph:
    """The directly-follows graph; `duration` of cases in seconds."""

    steps: tuple[Step, ...]
    edges: tuple[Edge, ...]
    cases: int
    events: int
    duration_mean: float
    duration_median: float
    duration_p90: float
    duration_max: float

    def drawn(self) -> tuple[Edge, ...]:
        """The edges worth drawing: at least max(5, 0.5 % of the cases)."""
        least = max(5, 0.005 * self.cases)
        return tuple(edge for edge in self.edges if edge.count >= least)


@dataclass(frozen=True)
class Variant:
    """A sequence of activities, by how many cases it was walked."""

    digest: str
    activities: tuple[str, ...]
    cases: int
    example: str


@dataclass(frozen=True)
class Variants:
    """All variants, commonest first; `coverage[k-1]` is the share of cases in the top k."""

    variants: tuple[Variant, ...]
    cases: int
    for_80_percent: int
    coverage: tuple[float, ...]
    rare_share: float  # of cases, on a path seen in under 0.1 % of cases


@dataclass(frozen=True)
class Loops:
    """Shares of cases; Microsoft's definitions: self-loop a→a, loop a…a not adjacent, rework
    either. `by_activity`: cases in which the activity came twice or more."""

    self_loop: float
    loop: float
    rework: float
    rework_cases: int
    self_loops: int
    by_activity: Mapping[str, int]
    exception_share: float  # rework or a path seen in under 0.1 % of cases


@dataclass(frozen=True)
class HandOffs:
    """`per_case` mean number of consecutive events by different resources; `pairs` the commonest
    (from, to, count); `ping_pong` share of cases whose collapsed teams contain A, B, A.
    None where the log names no resources (teams)."""

    per_case: float | None
    pairs: tuple[tuple[str, str, int], ...]
    ping_pong: float | None
    ping_pong_cases: int
    bounces: tuple[tuple[str, str, int], ...]


@dataclass(frozen=True)
class SystemFact:
    """What the inventory knows of a system; access: api, ui, file or none."""

    name: str
    sanctioned: bool
    access: str
    owner: str = ""


@dataclass(frozen=True)
class SystemNode:
    name: str
    share: float  # of cases that touch it
    events: int
    single_point: bool
    documented: bool
    sanctioned: bool
    access: str
    owner: str


@dataclass(frozen=True)
class SystemEdge:
    source: str
    target: str
    share: float  # of cases
    count: int


@dataclass(frozen=True)
class SystemGraph:
    nodes: tuple[SystemNode, ...]
    edges: tuple[SystemEdge, ...]
    access_share: float | None  # event-weighted: sanctioned API 1.0, UI .6, file or e-mail .3
    unsanctioned: tuple[str, ...]


@dataclass(frozen=True)
class Move:
    """One move of an alignment: kind sync, log (done, not documented) or model (skipped)."""

    kind: str
    activity: str


@dataclass(frozen=True)
class Alignment:
    """The cheapest explanation of a variant; `cost` None: over the state cap, not computed."""

    activities: tuple[str, ...]
    cases: int
    cost: int | None
    moves: tuple[Move, ...]


@dataclass(frozen=True)
class Deviation:
    activity: str
    cases: int
    times: int
    example: str  # a case


@dataclass(frozen=True)
class Conformance:
    """`fit_share` of the cases whose alignment was computed; None if none was."""

    fit_share: float | None
    fitting_cases: int
    computed_cases: int
    not_computed_cases: int
    shadow_work: tuple[Deviation, ...]
    extra_work: tuple[Deviation, ...]  # documented activities, done where they do not belong
    skipped_controls: tuple[Deviation, ...]
    order_violations: tuple[Deviation, ...]
    alignments: tuple[Alignment, ...]


@dataclass(frozen=True)
class ConstraintResult:
    """A rule such as "A before B" over all cases to which it applies."""

    kind: str  # precedence, four_eyes, never_both
    first: str
    second: str
    applicable: int
    violated: int
    unknown: int  # four-eyes without a named resource
    examples: tuple[str, ...]


@dataclass(frozen=True)
class DecisionPoint:
    """What follows an activity, and how far recorded facts explain it (docs/readiness.md)."""

    activity: str
    outcomes: Mapping[str, int]
    occurrences: int
    entropy: float  # bits per occurrence
    residual: float  # bits per occurrence, cross-validated
    explained: float
    explained_low: float
    kappa: float
    skill: float
    skill_with_resource: float | None
    person_dependence: float | None
    verdict: str  # structured, person_dependent, mixed, judgement_or_unrecorded, insufficient
    rules: tuple[str, ...]
    inputs: tuple[str, ...]


@dataclass(frozen=True)
class Decisions:
    """`rules` is D_rules: the share of all decision bits that recorded facts explain; None: no
    decision point had enough evidence."""

    points: tuple[DecisionPoint, ...]
    rules: float | None
    rules_low: float | None
    bits_per_case: float
    residual_bits_per_case: float


@dataclass(frozen=True)
class Replay:
    """A documented rule replayed on what people did; Wilson interval at 95 %."""

    activity: str
    applicable: int
    agreed: int
    share: float
    low: float
    high: float
    disagreements: tuple[str, ...]


@dataclass(frozen=True)
class Check:
    """One measure of ISO/IEC 25024's shape X = A/B; `low` its Wilson lower bound."""

    field: str
    dimension: str  # completeness, validity, uniqueness, consistency, timeliness, log
    rule: str
    good: int
    total: int
    share: float
    low: float
    examples: tuple[str, ...] = ()


@dataclass(frozen=True)
class FieldQuality:
    """The least of a field's dimensions."""

    field: str
    critical: bool
    share: float
    low: float
    weakest: str


@dataclass(frozen=True)
class Imperfection:
    """A pattern of event logs after Suriadi et al. 2017."""

    kind: str
    message: str
    count: int
    of: int
    examples: tuple[str, ...] = ()


@dataclass(frozen=True)
class Quality:
    """`score` is the weakest critical field's (of all fields, where none is called critical)."""

    rows: int
    checks: tuple[Check, ...]
    fields: tuple[FieldQuality, ...]
    imperfections: tuple[Imperfection, ...]
    score: float | None
    score_low: float | None
    weakest_field: str


@dataclass(frozen=True)
class Dimension:
    """One of the eight, 0 to 1, with its interval and evidence grade A to D."""

    name: str
    value: float
    low: float
    high: float
    grade: str


@dataclass(frozen=True)
class Gate:
    name: str
    passed: bool
    reason: str


@dataclass(frozen=True)
class Gain:
    """What raising `dimension` to `target` would add to the readiness."""

    dimension: str
    target: float
    gain: float


@dataclass(frozen=True)
class StepVerdict:
    activity: str
    verdict: str  # automate, checkpoint, human
    reason: str


@dataclass(frozen=True)
class Score:
    """Readiness with its 5–95 % interval, and the same with weights varied (`robust_…`)."""

    readiness: float
    low: float
    high: float
    robust_low: float
    robust_high: float
    ready_chance: float  # P(readiness >= 0.70)
    arithmetic: float  # what a compensating mean would say, for comparison
    level: int  # 1 Not yet, 2 Partly, 3 Mostly, 4 Ready
    gates: tuple[Gate, ...]
    dimensions: tuple[Dimension, ...]
    gains: tuple[Gain, ...]  # largest first

    @property
    def blocked(self) -> tuple[Gate, ...]:
        return tuple(gate for gate in self.gates if not gate.passed)


@dataclass(frozen=True)
class Value:
    """x of the quadrant: hours a year, with low and high."""

    hours: float
    low: float
    high: float


@dataclass(frozen=True)
class CsvPreview:
    """The first rows of a CSV, how it seems to be written, and a suggested mapping."""

    encoding: str
    delimiter: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    suggestion: CsvMapping
    problems: tuple[str, ...] = ()


@dataclass(frozen=True)
class CsvMapping:
    """Which column of a CSV is what. `moment_format` in strptime's letters ("" finds it out),
    `zone` for moments that name none. `attributes` None: all other columns;
    which of them belong to the case is found out from the data."""

    case: str
    activity: str
    at: str
    start_at: str = ""
    resource: str = ""
    team: str = ""
    system: str = ""
    cost: str = ""
    attributes: tuple[str, ...] | None = None
    zone: str = "UTC"
    moment_format: str = ""
    encoding: str = ""
    delimiter: str = ""
