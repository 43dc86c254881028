"""From what is known of a process to its score: calls `mining` in order, and keeps what it answers
as JSON. For workers only: it brings polars and scikit-learn. No database."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import polars as pl

from apps.readiness.mining import (
    conformance,
    constraints,
    decisions,
    dimensions,
    documented,
    events,
    graph,
    nets,
    quality,
    replays,
    rework,
    score,
    systems,
    variants,
)
from apps.readiness.mining.results import (
    Conformance,
    Decisions,
    Dimension,
    Edge,
    EventLog,
    Graph,
    LogRefused,
    Quality,
    Replay,
    Score,
    StepVerdict,
    SystemFact,
    SystemGraph,
    Value,
    Variants,
    as_json,
)

MOST_EDGES = 400
MOST_VARIANTS = 100
MOST_PAIRS = 20
STRUCTURED_FROM = 0.9  # agreement of a replayed rule, lower bound
FRESH_PROCEDURE = dt.timedelta(days=365)


@dataclass(frozen=True)
class Known:
    """What the inventory says. `activities`: (name, severity, undo is tested, cannot be undone,
    guarded). `attested`: dimension → value out of a countersigned interview."""

    lawful: bool
    owned: bool
    procedure_on: dt.date | None
    escalation: bool
    reviewers: bool
    volume: tuple[float, float, float] | None
    minutes: tuple[float, float, float] | None
    steps: Sequence[Any] = ()
    bpmn: str = ""
    systems: tuple[SystemFact, ...] = ()
    activities: tuple[tuple[str, int, bool, bool, bool], ...] = ()
    decision_rules: tuple[Mapping[str, Any], ...] = ()
    case_rules: tuple[Mapping[str, str], ...] = ()
    critical_fields: tuple[str, ...] = ()
    tables: tuple[tuple[float, float, int], ...] = ()  # score, lower bound, rows
    attested: Mapping[str, float] = field(default_factory=dict)
    weights: Mapping[str, float] = field(default_factory=dict)


@dataclass
class Found:
    """`results` by name as JSON, and the score they lead to."""

    results: dict[str, Any]
    score: Score
    value: Value | None


Stretch = Callable[[float, float, str], None]
Progress = Callable[[float, int], None]


def measure(
    known: Known, log: EventLog | None, now: dt.datetime, stretch: Stretch, progress: Progress
) -> Found:
    """The whole measurement; without a log only what is attested and in the inventory counts.
    `stretch(from, to, words)` begins a part of the progress bar that `progress` then fills."""
    if log is None:
        dims = by_name(known, now, {})
        return ended(known, dims, 0, None, {}, ())
    stretch(0.0, 0.1, "Drawing the graph and its variants")
    drawn, found = graph.directly_follows(log), variants.variants(log)
    loops, hands = rework.loops(log, found), rework.hand_offs(log)
    nodes = systems.system_graph(log, known.systems)
    stretch(0.1, 0.4, "Comparing with the documented process")
    net = net_of(known)
    aligned = None
    if net is not None:
        aligned = conformance.conformance(
            log, net, found=found, unsanctioned=nodes.unsanctioned, progress=progress
        )
    kept_rules = constraints.check(log, usable(known.case_rules, log))
    stretch(0.4, 0.85, "Asking what decides")
    decided = decisions.mine(log, progress=progress)
    replayed, unread = replayed_rules(log, known.decision_rules)
    decided = with_rules(decided, replayed, log.cases)
    stretch(0.85, 0.95, "Checking the data")
    data = quality.log_quality(log, now=now, critical=critical(known, log))
    stretch(0.95, 1.0, "Scoring")
    age = max(0.0, (now - log.last_at).total_seconds() / 86_400)
    seen: dict[str, Dimension] = {
        "rules": dimensions.rules(decided, cases=log.cases, age_days=age),
        "data": dimensions.data([data], cases=log.cases, age_days=age),
        "conform": dimensions.conform(aligned, age_days=age),
        "access": dimensions.access(nodes, cases=log.cases, age_days=age),
        "exceptions": dimensions.exceptions(
            loops, cases=log.cases, age_days=age, conformance_measured=aligned is not None
        ),
        "stability": dimensions.stability(log, age_days=age),
        "reverse": dimensions.reverse(actions(known, drawn)),
    }
    dims = by_name(known, now, seen)
    verdicts = step_verdicts(known, log, decided, nodes)
    results = {
        "graph": kept_graph(drawn, aligned),
        "variants": kept_variants(found),
        "loops": as_json(loops),
        "hand_offs": as_json(replace(hands, pairs=hands.pairs[:MOST_PAIRS])),
        "systems": as_json(nodes),
        "conformance": kept_conformance(aligned),
        "documented": sorted(net.labels) if net is not None else [],
        "documented_ways": [list(way) for way in nets.follows(net)] if net is not None else [],
        "constraints": as_json(kept_rules),
        "decisions": as_json(decided),
        "replays": as_json(replayed),
        "unread_rules": unread,
        "quality": as_json(data),
        "verdicts": as_json(verdicts),
        "actions": [list(each) for each in named_actions(known, drawn)],
        "mix_distances": dimensions.mix_distances(log),
        "age_days": age,
        "first_at": log.first_at.isoformat(),
        "last_at": log.last_at.isoformat(),
    }
    unsanctioned = nodes.unsanctioned
    counts = {each.activity: each.count for each in drawn.steps}
    automatable = score.automatable_share(verdicts, counts)
    known = with_volume(known, log)
    return ended(known, dims, log.cases, data, results, unsanctioned, automatable)


def ended(
    known: Known,
    dims: Sequence[Dimension],
    cases: int,
    data: Quality | None,
    results: dict[str, Any],
    unsanctioned: Sequence[str],
    automatable: float = 0.0,
) -> Found:
    lows = [low for _, low, _ in known.tables]
    if data is not None and data.score_low is not None:
        lows.append(data.score_low)
    facts = score.GateFacts(
        lawful=known.lawful,
        owned=known.owned,
        critical_low=min(lows) if lows else None,
        unguarded_irreversible=tuple(
            name
            for name, severity, _, final, guarded in known.activities
            if severity and final and not guarded
        ),
        unsanctioned_systems=tuple(unsanctioned),
        cases=cases,
    )
    scored = score.score(dims, score.gates(facts, dims), known.weights or None)
    value = None
    if known.volume and known.minutes and cases:
        value = score.value(
            cases_a_year=known.volume, minutes=known.minutes, automatable=automatable
        )
    results["score"] = as_json(scored)
    results["value"] = as_json(value)
    results["automatable"] = automatable
    return Found(results, scored, value)


def by_name(known: Known, now: dt.datetime, seen: Mapping[str, Dimension]) -> list[Dimension]:
    """All eight: measured where there is evidence, else attested, else unknown."""
    found = {"owner": owner(known, now)}
    for name in dimensions.WEIGHTS:
        if name == "owner":
            continue
        measured = seen.get(name)
        if measured is not None and measured.grade != "D":
            found[name] = measured
        elif name in known.attested:
            found[name] = dimensions.attested(name, known.attested[name])
        else:
            found[name] = dimensions.unknown(name)
    if known.tables and found["data"].grade != "D":
        found["data"] = with_tables(found["data"], known.tables)
    return [found[name] for name in dimensions.WEIGHTS]


def with_tables(own: Dimension, tables: Sequence[tuple[float, float, int]]) -> Dimension:
    """The weakest link: the log's fields, or a table's."""
    value, low, _ = min(tables)
    if value >= own.value:
        return replace(own, low=min(own.low, *(each[1] for each in tables)))
    return replace(own, value=value, low=min(own.low, low), high=min(1.0, 2 * value - low))


def owner(known: Known, now: dt.datetime) -> Dimension:
    fresh = known.procedure_on is not None and now.date() - known.procedure_on <= FRESH_PROCEDURE
    return dimensions.owner(
        named=known.owned,
        procedure_fresh=fresh,
        escalation=known.escalation,
        reviewers=known.reviewers,
    )


def net_of(known: Known) -> Any:
    if known.bpmn:
        return documented.from_bpmn(known.bpmn.encode())
    return documented.from_steps(known.steps) if known.steps else None


def critical(known: Known, log: EventLog) -> tuple[str, ...]:
    """Raises LogRefused for a critical field that the log does not have: silence would hide it."""
    missing = [name for name in known.critical_fields if name not in log.frame.columns]
    if missing:
        raise LogRefused(
            "The inventory calls these fields critical, but the log has none of that name: "
            + ", ".join(missing)
        )
    return known.critical_fields


def usable(rules: Sequence[Mapping[str, str]], log: EventLog) -> list[Mapping[str, str]]:
    names = set(log.activities)
    return [rule for rule in rules if rule["first"] in names and rule["second"] in names]


def replayed_rules(
    log: EventLog, rules: Sequence[Mapping[str, Any]]
) -> tuple[tuple[Replay, ...], list[str]]:
    """The rules replayed, and a sentence for each that the log cannot be asked."""
    found, unread = [], []
    for rule in rules:
        try:
            found.append(replays.replay(log, rule))
        except (ValueError, pl.exceptions.PolarsError) as error:
            unread.append(str(error)[:300])
    return tuple(found), unread


def with_rules(decided: Decisions, replayed: Sequence[Replay], cases: int) -> Decisions:
    """Where a documented rule says what follows, its agreement takes the place of the tree: what is
    left unexplained is the entropy of "agrees or not"."""
    by_activity = {each.activity: each for each in replayed if each.applicable}
    points = []
    for point in decided.points:
        rule = by_activity.get(point.activity)
        if rule is not None and point.entropy:
            left = min(point.entropy, binary_entropy(rule.share))
            left_high = min(point.entropy, binary_entropy(min(rule.low, rule.share)))
            point = replace(
                point,
                residual=left,
                explained=1 - left / point.entropy,
                explained_low=1 - left_high / point.entropy,
                verdict="structured" if rule.low >= STRUCTURED_FROM else point.verdict,
            )
        points.append(point)
    return decisions.summed(points, cases)


def binary_entropy(share: float) -> float:
    """Of a rule that agrees in `share`; one that agrees in less than half explains nothing."""
    share = max(share, 0.5)
    if share == 1:
        return 0.0
    return -share * math.log2(share) - (1 - share) * math.log2(1 - share)


def actions(known: Known, drawn: Graph) -> list[tuple[float, bool]]:
    """(severity, has a tested undo) of every step that changes something."""
    return [
        (float(severity), tested) for _, severity, tested in named_actions(known, drawn) if severity
    ]


def named_actions(known: Known, drawn: Graph) -> list[tuple[str, int, bool]]:
    """The same with its name; a step that the inventory does not describe counts as harm 1 without
    an undo, so that nothing is won by leaving it out. [] where none is described."""
    described = {name: (severity, tested) for name, severity, tested, _, _ in known.activities}
    named = {*described, *(step.activity for step in drawn.steps)}
    if not described:
        return []
    return [(name, *described.get(name, (1, False))) for name in sorted(named)]


def step_verdicts(
    known: Known, log: EventLog, decided: Decisions, nodes: SystemGraph
) -> tuple[StepVerdict, ...]:
    pairs = (
        log.frame.filter(pl.col("system").is_not_null())
        .group_by(pl.col("activity").cast(pl.String), "system")
        .len()
        .sort("activity", "system")
        .rows()
    )
    final = [name for name, severity, _, final, _ in known.activities if severity and final]
    return score.step_verdicts(
        log.activities,
        decided,
        access=score.access_by_activity(pairs, nodes),
        irreversible=final,
    )


def with_volume(known: Known, log: EventLog) -> Known:
    """Cases a year out of the log where nobody stated them."""
    if known.volume:
        return known
    days = max(1.0, (log.last_at - log.first_at).total_seconds() / 86_400)
    yearly = log.cases / days * 365
    return replace(known, volume=(yearly, yearly, yearly))


def kept_graph(drawn: Graph, aligned: Conformance | None) -> dict[str, Any]:
    """Every step; the edges worth drawing, those that lead to or from undocumented work, and of
    every step its commonest way in and out, so that none stands alone."""
    shadow = {each.activity for each in aligned.shadow_work} if aligned else set()
    best: dict[tuple[str, str], Edge] = {}
    for edge in sorted(drawn.edges, key=lambda edge: edge.count):
        best[edge.source, "out"] = best[edge.target, "in"] = edge
    worth = {*drawn.drawn(), *best.values()}
    kept = [
        edge
        for edge in drawn.edges
        if edge in worth or edge.source in shadow or edge.target in shadow
    ]
    kept.sort(key=lambda edge: -edge.count)
    return {
        **as_json(replace(drawn, edges=tuple(kept[:MOST_EDGES]))),
        "edge_count": len(drawn.edges),
    }


def kept_variants(found: Variants) -> dict[str, Any]:
    shown = replace(
        found, variants=found.variants[:MOST_VARIANTS], coverage=found.coverage[:MOST_VARIANTS]
    )
    return {**as_json(shown), "number": len(found.variants)}


def kept_conformance(aligned: Conformance | None) -> dict[str, Any] | None:
    if aligned is None:
        return None
    return dict(as_json(replace(aligned, alignments=aligned.alignments[:MOST_VARIANTS])))


def part(log: EventLog, since: dt.datetime | None, until: dt.datetime | None) -> EventLog:
    """The cases that began in the period, whole."""
    if since is None and until is None:
        return log
    begin = since or log.first_at
    end = until or log.last_at + dt.timedelta(microseconds=1)
    return events.between(log, begin, end)
