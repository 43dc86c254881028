"""Why an action happened, or did not: from its trigger to its outcome, on one page."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Q

from apps.access.models import User
from apps.access.queries import holds
from apps.approvals.models import ApprovalRequest, Vote
from apps.approvals.queries import facts_from
from apps.approvals.rules import Fact
from apps.audit.queries.events import in_scope
from apps.audit.rules import binding
from apps.audit.rules.binding import Binding
from apps.common.canonical import digest
from apps.common.errors import Absent
from apps.ledger.models import LedgerEvent
from apps.orchestration.models import Run, Step
from apps.policies.models import PolicyVersion
from apps.policies.text import compile_text, pieces
from apps.registry.models import Grant
from apps.runtime.models import Action, Effect
from apps.runtime.rules import intent


@dataclass(frozen=True)
class Clause:
    """A rule that decided: its sentence, its text as it stood, and what put it in force."""

    kind: str
    sentence: str
    rule_id: str
    policy: str = ""
    number: int = 0
    title: str = ""
    line: int = 0
    text: str = ""
    genuine: bool = True
    activated: LedgerEvent | None = None
    grant: Grant | None = None


@dataclass(frozen=True)
class Approval:
    request: ApprovalRequest
    votes: list[Vote]
    binding: Binding
    stale: bool


@dataclass
class Why:
    """The chain. `events` are the ledger's own lines about it, oldest first."""

    action: Action
    run: Run | None
    step: Step | None
    requester: User | None
    facts: list[Fact]
    clauses: list[Clause]
    approvals: list[Approval]
    binding: Binding
    effects: list[Effect]
    events: list[LedgerEvent]
    before: Action | None = None
    after: Action | None = None
    people: list[str] = field(default_factory=list)
    before_it: list[tuple[Action, list[str]]] = field(default_factory=list)


def why(reader: User, pk: uuid.UUID) -> Why:
    """Raises Absent for who may not see the action, and for what is not there."""
    action = actions(reader).filter(pk=pk).first()
    if action is None:
        raise Absent
    events = about(action)
    if events and not in_scope(reader, events[0]):
        raise Absent
    found = approvals_of(action)
    return Why(
        action=action,
        run=Run.objects.select_related("workflow").filter(pk=action.run_id).first(),
        step=Step.objects.filter(pk=action.step_id).first(),
        requester=User.objects.filter(pk=action.requester_id).first(),
        facts=facts_from({"facts": dict(sorted(action.facts.items()))}, action.tool),
        clauses=clauses(action),
        approvals=found,
        binding=overall(action, found),
        effects=list(Effect.objects.filter(action=action)),
        events=events,
        before=earlier(action),
        after=later(action),
        people=names_of(found),
        before_it=decided_before(action),
    )


def names_of(found: list[Approval]) -> list[str]:
    return sorted({vote.voter_label for each in found for vote in each.votes if not vote.void})


def decided_before(action: Action) -> list[tuple[Action, list[str]]]:
    """What people decided earlier in the same run, with their names: an action often rests on
    another that was approved before it."""
    if action.run_id is None:
        return []
    asked = Action.objects.filter(run_id=action.run_id, at__lt=action.at, approval_id__isnull=False)
    found = list(asked.order_by("at", "pk")[:20])
    votes: dict[uuid.UUID, list[str]] = {}
    for vote in Vote.objects.filter(request__in=[each.approval_id for each in found], void=False):
        votes.setdefault(vote.request_id, []).append(vote.voter_label)
    return [(each, sorted(votes.get(each.approval_id, []))) for each in found if each.approval_id]


def actions(reader: User) -> Any:
    if not holds(reader, "audit.view"):
        return Action.objects.none()
    return Action.objects.select_related("agent", "tool", "session")


def about(action: Action) -> list[LedgerEvent]:
    """What the ledger says of the action and of the questions that were put about it."""
    requests = ApprovalRequest.objects.filter(action_ref=action.pk).values_list("pk", flat=True)
    named = Q(object_type="runtime.action", object_id=str(action.pk)) | Q(
        object_type="approvals.approvalrequest", object_id__in=[str(pk) for pk in requests]
    )
    return list(LedgerEvent.objects.filter(named).order_by("at", "pk")[:200])


def clauses(action: Action) -> list[Clause]:
    return [clause_of(reason, action) for reason in action.reasons]


def clause_of(reason: Mapping[str, Any], action: Action) -> Clause:
    policy, number = reason.get("policy", ""), reason.get("version") or 0
    bare = Clause(reason.get("kind", ""), reason.get("sentence", ""), reason.get("rule_id", ""))
    if policy == "grants":
        grant = Grant.objects.select_related("agent", "tool").filter(pk=number).first()
        return Clause(bare.kind, bare.sentence, bare.rule_id, grant=grant)
    version = (
        PolicyVersion.objects.select_related("policy")
        .filter(policy__slug=policy, number=number)
        .first()
    )
    if version is None:
        return bare
    line, text = rule_text(version, bare.rule_id)
    return Clause(
        kind=bare.kind,
        sentence=bare.sentence,
        rule_id=bare.rule_id,
        policy=policy,
        number=number,
        title=version.policy.title,
        line=line,
        text=text,
        genuine=digest({"text": version.text}) == version.digest,
        activated=put_in_force(version),
    )


def rule_text(version: PolicyVersion, rule_id: str) -> tuple[int, str]:
    """The clause as it stands in the text of the version, and its line."""
    try:
        rules = compile_text(version.text, policy=version.policy.slug, version=version.number)
    except ValueError:
        return 0, ""
    for part, compiled in zip(pieces(version.text), rules, strict=False):
        if compiled.rule.rule_id == rule_id:
            return part.line, part.text
    return 0, ""


def put_in_force(version: PolicyVersion) -> LedgerEvent | None:
    return (
        LedgerEvent.objects.filter(
            object_type="policies.policyversion",
            object_id=str(version.pk),
            type="policy.activated",
        )
        .order_by("at")
        .first()
    )


def approvals_of(action: Action) -> list[Approval]:
    found = ApprovalRequest.objects.filter(
        Q(action_ref=action.pk) | Q(pk=action.approval_id)
    ).select_related("queue")
    return [approval(action, request) for request in found.order_by("created_at", "pk")]


def approval(action: Action, request: ApprovalRequest) -> Approval:
    votes = list(request.votes.select_related("voter", "on_behalf_of").order_by("cast_at", "pk"))
    slug = action.agent.slug if action.agent else ""
    asked = {each.get("rule_id", "") for each in request.rule.get("checkpoints", [])}
    rules = [
        f"{reason.get('policy')}@{reason.get('version')}#{reason.get('rule_id')}"
        for reason in action.reasons
        if reason.get("rule_id") in asked
    ]
    anew = binding.recomputed(
        intent(slug, action.on_behalf_of, action.tool_name, action.arguments),
        action.agent_label,
        action.tool_pin,
        request.evidence,
        rules,
    )
    compared = binding.compare(
        action=action.action_digest,
        request=request.action_digest,
        votes=[(vote.voter_label, vote.digest) for vote in votes if not vote.void],
        recomputed=anew,
    )
    return Approval(request, votes, compared, request.execution == "refused_stale")


def overall(action: Action, found: list[Approval]) -> Binding:
    """One word for the whole: does the approval that was used match what was done?"""
    if not found and action.verdict == "deny":
        return Binding(binding.REFUSED)
    if not found:
        return Binding(binding.NONE_FOUND if asked_people(action) else binding.NONE_REQUIRED)
    used = next((each for each in found if each.request.pk == action.approval_id), found[-1])
    return used.binding


def asked_people(action: Action) -> bool:
    return action.verdict == "review" and not action.sampled_out


def earlier(action: Action) -> Action | None:
    """The action that this one was asked anew for, where the first approval went stale."""
    if action.approval_id is None:
        return None
    request = ApprovalRequest.objects.filter(pk=action.approval_id).first()
    former = request.supersedes if request else None
    return Action.objects.filter(pk=former.action_ref).first() if former else None


def later(action: Action) -> Action | None:
    asked = ApprovalRequest.objects.filter(supersedes__action_ref=action.pk).first()
    return Action.objects.filter(pk=asked.action_ref).first() if asked else None


def for_key(idem_key: str) -> Action | None:
    """The newest action under an idempotency key: what a record of a pilot points at."""
    effect = Effect.objects.filter(pk=idem_key).select_related("action").first()
    return effect.action if effect else None
