"""The evidence pack of one item: what a person needs on one screen, as it was frozen."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.utils.dateparse import parse_datetime

from apps.access.models import User
from apps.approvals import brakes
from apps.approvals.models import ApprovalRequest, Exposure, Look, Vote
from apps.approvals.persuasion import Sign, revealed, signs_in
from apps.approvals.queries.items import Alike, alike, facts_from
from apps.approvals.queries.rights import visible
from apps.approvals.queries.vigilance import own_judgement_first
from apps.approvals.rules import Fact
from apps.common import diffing
from apps.common.canonical import digest
from apps.common.clock import now
from apps.common.units import in_unit
from apps.common.vocabulary import label, word_for
from apps.registry.models import Tool

SAME = 5
SAME_DAYS = 30


@dataclass(frozen=True)
class Source:
    """Something that the agent had before it: trusted or not, with what is invisible spelt out."""

    label: str
    tool: str
    untrusted: bool
    excerpt: str


@dataclass(frozen=True)
class Since:
    """What moved since this person last had the item, or the one it took the place of, before
    them."""

    looked_at: dt.datetime
    sentences: list[str]
    changes: list[diffing.FieldChange]


@dataclass(frozen=True)
class Pack:
    intact: bool
    changes: list[diffing.FieldChange]
    whose: list[str]
    data_class: str
    effect: str
    amounts: list[Fact]
    reversible: bool
    until: dt.datetime | None
    way_back: str
    facts: list[Fact]
    claims: list[Fact]
    not_checked: list[str]
    trigger: list[tuple[str, str]]
    sources: list[Source]
    signs: list[Sign]
    same: list[ApprovalRequest]
    alike: Alike | None
    since: Since | None
    brake: str
    hours_to_use: int


def pack_of(
    user: User, request: ApprovalRequest, *, answered: bool, moment: dt.datetime | None = None
) -> Pack:
    """Everything shown about an item; `answered` says that this person has judged it already, so
    that what others decided need not be hidden any more."""
    evidence: Mapping[str, Any] = request.evidence
    tool = Tool.objects.filter(name=request.tool).first()
    will = evidence.get("will_happen", {})
    facts = facts_from(evidence, tool)
    waits = request.status == "pending" and not answered
    return Pack(
        intact=digest(evidence) == request.evidence_digest,
        changes=diffing.changed_fields(will.get("before", {}), will.get("after", {})),
        whose=whose(evidence),
        data_class=tool.get_data_class_display() if tool else "",
        effect=evidence.get("tool", {}).get("effect", ""),
        amounts=amounts(evidence, tool),
        reversible=bool(will.get("reversible")),
        until=parse_datetime(will["reversible_until"]) if will.get("reversible_until") else None,
        way_back=tool.compensation if tool else "",
        facts=facts,
        claims=[
            Fact(label(name), revealed(str(value)), "the agent")
            for name, value in evidence.get("claims", {}).items()
        ],
        not_checked=not_checked(evidence, tool),
        trigger=[
            (label(name), revealed(str(value)))
            for name, value in evidence.get("trigger", {}).items()
        ],
        sources=[
            Source(
                str(each.get("label", "")),
                str(each.get("tool", "")),
                bool(each.get("untrusted")),
                revealed(str(each.get("excerpt", ""))),
            )
            for each in evidence.get("used", [])
        ],
        signs=signs_in(evidence),
        same=same_target(user, request),
        alike=None if waits and own_judgement_first(user, request) else alike(request),
        since=since_looked(user, request) if waits else None,
        brake=brake_for(user, moment or now()) if waits else "",
        hours_to_use=hours_to_use(request),
    )


def whose(evidence: Mapping[str, Any]) -> list[str]:
    """The records touched, and for whom the agent acts."""
    records = [each.replace(":", " ", 1) for each in evidence.get("resources", [])]
    for_whom = evidence.get("on_behalf_of")
    return records + ([f"on behalf of {for_whom}"] if for_whom else [])


def amounts(evidence: Mapping[str, Any], tool: Tool | None) -> list[Fact]:
    """What is counted in money: arguments first, then facts."""
    if tool is None:
        return []
    facts = {name: fact.get("value") for name, fact in evidence.get("facts", {}).items()}
    currency = str(facts.get("currency", ""))
    found = []
    for values, schema in (
        (evidence.get("arguments", {}), tool.input_schema),
        (facts, tool.facts_schema),
    ):
        for name, field in schema.get("properties", {}).items():
            if field.get("unit") == "minor" and isinstance(values.get(name), int):
                text = in_unit(values[name], "minor", currency)
                found.append(Fact(field.get("title") or label(name), text, ""))
    return found


def not_checked(evidence: Mapping[str, Any], tool: Tool | None) -> list[str]:
    """What nobody can vouch for: facts that could not be had, claims that no fact bears out, and
    texts from outside."""
    known = evidence.get("facts", {})
    fields = tool.facts_schema.get("properties", {}) if tool else {}
    found = [
        f"{field.get('title') or label(name)}: no record of ours says so."
        for name, field in fields.items()
        if name not in known
    ]
    found += [
        f"{label(name)}: only the agent says so."
        for name in evidence.get("claims", {})
        if name not in known
    ]
    if any(each.get("untrusted") for each in evidence.get("used", [])):
        found.append("Text from outside was read; whether it is true was not checked.")
    return found


def same_target(user: User, request: ApprovalRequest) -> list[ApprovalRequest]:
    """Questions about the same record in the last thirty days, newest first. Of a known-answer
    item the one that it was made from is left out."""
    if not request.target:
        return []
    rows = visible(user).filter(
        target=request.target,
        created_at__gte=request.created_at - dt.timedelta(days=SAME_DAYS),
        is_seed=False,
    )
    if request.is_seed:
        rows = rows.exclude(pk__in=Exposure.objects.filter(request=request).values("seed__source"))
    shown = ("number", "title", "status", "execution", "created_at", "intent_digest")
    rows = rows.exclude(pk=request.pk).select_related(None).only(*shown)
    return list(rows.order_by("-created_at")[:SAME])


def since_looked(user: User, request: ApprovalRequest) -> Since | None:
    """None on a first look."""
    before = [pk for pk in (request.pk, request.supersedes_id) if pk]
    looks = {row.request_id: row for row in Look.objects.filter(user=user, request__in=before)}
    if look := looks.get(request.pk):
        return Since(look.last_at, moved_since(request, look.last_at), [])
    earlier = request.supersedes
    if earlier is None or earlier.pk not in looks:
        return None
    sentences = [f"You looked at {earlier.reference}; this question took its place."]
    if earlier.evidence_digest == request.evidence_digest:
        sentences.append("The evidence is the same; the rules, the agent or the tool changed.")
    changes = diffing.changed_fields(comparable(earlier.evidence), comparable(request.evidence))
    return Since(looks[earlier.pk].last_at, sentences, changes)


def moved_since(request: ApprovalRequest, moment: dt.datetime) -> list[str]:
    votes = sorted(request.votes.all(), key=lambda vote: vote.cast_at)
    found = [
        f"{vote.voter_label}: {word_for('choice', vote.choice)[1].lower()}."
        for vote in votes
        if vote.cast_at > moment
    ]
    found += [
        f"The answer of {vote.voter_label} no longer counts."
        for vote in votes
        if vote.void and vote.cast_at <= moment
    ]
    if request.escalated_at and request.escalated_at > moment:
        found.append("It went to the second level as well.")
    return found


def comparable(evidence: Mapping[str, Any]) -> dict[str, Any]:
    will = evidence.get("will_happen", {})
    facts = {name: fact.get("value") for name, fact in evidence.get("facts", {}).items()}
    return {**evidence.get("arguments", {}), **will.get("after", {}), **facts}


def brake_for(user: User, moment: dt.datetime) -> str:
    votes = Vote.objects.filter(voter=user).order_by("-cast_at")
    answers = list(votes.values_list("cast_at", flat=True)[: brakes.LOOKED_BACK])
    return brakes.advice(answers, moment, per_hour=settings.COUNCIL["ANSWERS_PER_HOUR"])


def hours_to_use(request: ApprovalRequest) -> int:
    seconds = [part.get("execute_within", 86_400) for part in request.rule.get("checkpoints", [])]
    return min(seconds, default=86_400) // 3600
