from __future__ import annotations

import datetime as dt
import logging
import secrets
import uuid
from typing import Any

from django.db import IntegrityError, transaction

from apps.access.models import User
from apps.access.services import permitted
from apps.common.acting import acting, current
from apps.common.canonical import digest, plain
from apps.common.clock import now
from apps.common.errors import Conflict, Invalid, NotPermitted
from apps.common.rows import insert, made
from apps.ledger.services import record
from apps.policies import bench, boundaries, shadow, snapshot
from apps.policies.models import (
    JudgedRequest,
    Policy,
    PolicyCase,
    PolicyStamp,
    PolicyVersion,
)
from apps.policies.rules import Judgement, JudgementRequest, decide, refused
from apps.policies.schema import Unrepresentable, schema_of
from apps.policies.states import SHADOWABLE, CaseOrigin, VersionStatus
from apps.policies.text import Problem, compile_text, formatted, problems
from apps.registry.models import Tool

log = logging.getLogger(__name__)


class Unsaved(Invalid):
    """A policy text with problems; each knows its line."""

    def __init__(self, found: list[Problem]) -> None:
        super().__init__(found[0].sentence, "bad_policy")
        self.problems = found


def judge(request: JudgementRequest, *, stamp: snapshot.Stamp | None = None) -> Judgement:
    """The verdict of everything in force on one request. Never raises: whatever goes wrong is a
    deny that says so. `stamp` is what the caller has just read; without it, it is read here."""
    try:
        verdict = judged(request, stamp)
    except Unrepresentable as error:
        verdict = refused(str(error), (str(error),))
    except Exception as error:  # noqa: BLE001 - an unforeseen error is never an allow
        log.exception("Judging %s broke off.", request.tool)
        verdict = refused(
            "The policies could not be evaluated, so the action is refused.", (repr(error),)
        )
    return verdict


def judged(request: JudgementRequest, stamp: snapshot.Stamp | None) -> Judgement:
    held = snapshot.current(stamp)
    if not held.versions:
        return refused("No policy is in force, so nothing is allowed.")
    if request.tool not in held.specs:
        return refused(f"There is no tool named {request.tool}.")
    cut = held.slice(request.tool, request.agent, request.agent_roles)
    known = request.context.get("facts", {})
    if not cut.required_facts <= known.keys():
        missing = sorted(cut.required_facts - known.keys())
        return refused(
            f"The organisation's own records do not say {', '.join(missing)}, "
            "and the rules need it."
        )
    approvals = list(request.context.get("approvals", ()))
    verdict = decide(lambda names: cut.ask(request, names), cut.rules, approvals)
    return Judgement(
        effect=verdict.effect,
        reasons=verdict.reasons,
        obligations=verdict.obligations,
        checkpoints=verdict.checkpoints,
        policy_versions={
            reason.policy: reason.version
            for reason in verdict.reasons
            if reason.policy and reason.policy != "grants"
        },
        policy_digest=held.digest,
        request_digest=digest(request.as_json),
        errors=verdict.errors,
    )


def paced(stamp: snapshot.Stamp) -> bool:
    """Whether a rule reads how much the agent has done lately. In doubt it is counted: without the
    number such a rule would not hold."""
    try:
        return snapshot.current(stamp).paced
    except Exception:  # noqa: BLE001 - `judge` meets the same and refuses
        return True


def keep(
    request: JudgementRequest,
    judgement: Judgement,
    *,
    at: dt.datetime | None = None,
    stamp: snapshot.Stamp | None = None,
) -> JudgedRequest:
    """Records the exact request beside its verdict, inside the caller's transaction, and what
    the versions in shadow would have said."""
    kept = made(
        JudgedRequest,
        at=at or now(),
        agent_slug=request.agent[:60],
        tool=request.tool[:120],
        request=request.as_json,
        request_digest=judgement.request_digest,
        effect=judgement.effect,
        rules=[
            f"{reason.policy}@{reason.version}#{reason.rule_id}"
            for reason in judgement.reasons
            if reason.policy
        ],
        policy_versions=dict(judgement.policy_versions),
        policy_digest=judgement.policy_digest,
    )
    insert(kept)
    for flip in shadow.flips(kept, judgement, stamp):
        insert(flip)
    return kept


def mark_answer(*, judged_id: uuid.UUID, answer: str) -> None:
    """Notes what a person answered, for backtests; the first answer stands."""
    JudgedRequest.objects.filter(pk=judged_id, answer="").update(answer=answer, answered_at=now())


def forget_answer(*, judged_id: uuid.UUID) -> None:
    """The answer was taken back before it was used; the next one counts."""
    JudgedRequest.objects.filter(pk=judged_id).update(answer="", answered_at=None)


def bump() -> None:
    """Moves the stamp inside the caller's transaction. It is drawn, not counted: what a process
    read within a transaction that was rolled back can never be taken for a later state."""
    number = secrets.randbits(62)
    if not PolicyStamp.objects.filter(pk=1).update(number=number):
        PolicyStamp.objects.create(pk=1, number=number)


def check(text: str) -> list[Problem]:
    """Problems of a text against the tools registered now; writes nothing."""
    return problems(text, schema_of([tool.spec for tool in Tool.objects.all()]))


@permitted("policies.draft")
@transaction.atomic
def create_policy(*, actor: User | None, slug: str, title: str, purpose: str) -> Policy:
    """A policy without a version yet. Raises Conflict for a slug in use."""
    policy = Policy(slug=slug, title=title, purpose=purpose, owner=actor)
    try:
        with transaction.atomic():
            policy.save()
    except IntegrityError:
        raise Conflict(f"There is a policy called {slug} already.", "slug_taken") from None
    record(type="policy.created", object=policy)
    return policy


@permitted("policies.draft")
@transaction.atomic
def save_draft(*, actor: User | None, policy: Policy, text: str) -> PolicyVersion:
    """Saves the policy's one draft, formatted. Raises Unsaved with every problem on its line."""
    if found := check(text):
        raise Unsaved(found)
    row = Policy.lock(policy.pk)
    draft = row.versions.filter(status=VersionStatus.DRAFT).first()
    newest = row.versions.order_by("-number").first()
    draft = draft or PolicyVersion(
        policy=row, number=newest.number + 1 if newest else 1, created_at=now()
    )
    draft.text = formatted(text)
    draft.digest = digest({"text": draft.text})
    draft.author, draft.author_label = actor, current().label
    draft.save()
    if draft.shadow_since:
        bump()
    record(type="policy.drafted", object=draft, after={"digest": draft.digest})
    return draft


@transaction.atomic
def copy_version(*, version: PolicyVersion) -> PolicyVersion:
    """The same text under a new number, for a motion that has to be rebased; proposed at once."""
    row = Policy.lock(version.policy_id)
    newest = row.versions.order_by("-number").first()
    made = PolicyVersion(
        policy=row,
        number=newest.number + 1 if newest else 1,
        text=version.text,
        digest=version.digest,
        status=VersionStatus.PROPOSED,
        author=version.author,
        author_label=version.author_label,
        claim=version.claim,
        created_at=now(),
    )
    made.save()
    record(type="policy.proposed", object=made, reason="Rebased.")
    return made


@permitted("policies.draft")
@transaction.atomic
def state_claim(
    *, actor: User | None, version: PolicyVersion, looser: bool, stricter: bool, tools: list[str]
) -> PolicyVersion:
    """What the author says of the change: whether anything becomes looser or stricter, and the
    tools for which that may be so nevertheless. Checked before the motion, and shown to voters."""
    row = PolicyVersion.lock(version.pk)
    claim = {"looser": looser, "stricter": stricter, "tools": sorted(tools)}
    if not row.compare_and_set(where={"status": VersionStatus.DRAFT}, claim=claim):
        raise Conflict("Only a draft can still be claimed for.")
    record(type="policy.claimed", object=row, after=claim)
    return row


@permitted("policies.draft")
@transaction.atomic
def set_shadow(*, actor: User | None, version: PolicyVersion, on: bool) -> PolicyVersion:
    """Lets a version that is not in force run beside what is, or stops that."""
    row = PolicyVersion.lock(version.pk)
    where = {"status__in": SHADOWABLE, "shadow_since__isnull": on}
    if not row.compare_and_set(where=where, shadow_since=now() if on else None):
        raise Conflict("This version cannot run in shadow, or it does so already.")
    bump()
    record(type="policy.shadowed", object=row, after={"shadow": on})
    return row


@permitted("policies.draft")
@transaction.atomic
def save_case(
    *,
    actor: User | None,
    policy: Policy,
    name: str,
    request: dict[str, Any],
    expected: str,
    origin: str = CaseOrigin.AUTHOR,
) -> PolicyCase:
    """Stores a test with the policy; the same name again replaces it. `request` is
    {agent, roles, tool, context}; facts and arguments are checked against the tool's schemas."""
    tool = Tool.objects.filter(name=request.get("tool", "")).first()
    if tool is None:
        raise Invalid("There is no such tool.", fields={"tool": ["Choose a registered tool."]})
    if expected not in ("allow", "deny", "review"):
        raise Invalid("A case expects allow, deny or review.")
    row = policy.cases.filter(name=name, removed_at=None).first() or PolicyCase(
        policy=policy, name=name
    )
    row.request, row.expected, row.origin = plain(request), expected, origin
    row.save()
    record(type="policy.case_saved", object=row, after={"expected": expected})
    return row  # type: ignore[no-any-return]


@permitted("policies.draft")
@transaction.atomic
def save_boundaries(*, actor: User | None, version: PolicyVersion) -> int:
    """Stores what this version decides on both sides of each of its constants as tests, in the
    place of those of an earlier text. Returns how many. Raises Invalid where there is none."""
    specs = bench.specs()
    rules = compile_text(version.text, policy=version.policy.slug, version=version.number)
    found = boundaries.cases(rules, specs.values())
    if not found:
        raise Invalid("No rule of this version compares anything with a number.")
    policy = Policy.lock(version.policy_id)
    judge = bench.Bench(bench.rules_with(version), specs)
    verdicts = judge.judge_all([request for _name, request in found])
    kept = {row.name: row for row in policy.cases.filter(origin=CaseOrigin.BOUNDARY)}
    for (name, request), verdict in zip(found, verdicts, strict=True):
        row = kept.pop(name, None) or PolicyCase(policy=policy, name=name)
        row.request, row.expected = plain(request), verdict.effect
        row.origin, row.removed_at = CaseOrigin.BOUNDARY, None
        row.save()
    for row in kept.values():
        if row.removed_at is None:
            row.compare_and_set(where={"removed_at": None}, removed_at=now())
    record(type="policy.boundaries_saved", object=version, after={"cases": len(found)})
    return len(found)


@permitted("policies.draft")
@transaction.atomic
def remove_case(*, actor: User | None, case: PolicyCase, reason: str) -> None:
    """Takes a test away. What an incident taught stays."""
    if case.origin == CaseOrigin.INCIDENT:
        raise NotPermitted("A lesson from an incident stays with the policy.")
    with acting(reason=reason):
        if not case.compare_and_set(where={"removed_at": None}, removed_at=now()):
            raise Conflict("This case was removed already.")
        record(type="policy.case_removed", object=case, reason=reason)
