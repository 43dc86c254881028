from __future__ import annotations

import datetime as dt
import logging
import secrets
import uuid

from django.db import IntegrityError, transaction

from apps.access.models import User
from apps.access.services import permitted
from apps.common.acting import acting, current
from apps.common.canonical import digest
from apps.common.clock import now
from apps.common.errors import Conflict, Invalid
from apps.common.rows import insert
from apps.ledger.services import record
from apps.policies import snapshot
from apps.policies.models import JudgedRequest, Policy, PolicyStamp, PolicyVersion
from apps.policies.rules import Judgement, JudgementRequest, decide, refused
from apps.policies.schema import Unrepresentable, schema_of
from apps.policies.states import EVALUATED, MOVES, VersionStatus
from apps.policies.text import Problem, formatted, problems
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
    missing = sorted(cut.required_facts - set(request.context.get("facts", {})))
    if missing:
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


def keep(
    request: JudgementRequest, judgement: Judgement, *, at: dt.datetime | None = None
) -> JudgedRequest:
    """Records the exact request beside its verdict, inside the caller's transaction."""
    kept = JudgedRequest(
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
    return kept


def mark_answer(*, judged_id: uuid.UUID, answer: str) -> None:
    """Notes what a person answered, for backtests; the first answer stands."""
    JudgedRequest.objects.filter(pk=judged_id, answer="").update(answer=answer, answered_at=now())


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
    draft.author_label = current().label
    draft.save()
    record(type="policy.drafted", object=draft, after={"digest": draft.digest})
    return draft


@permitted("policies.activate")
def activate(*, actor: User | None, version: PolicyVersion, reason: str) -> PolicyVersion:
    """Puts a version in force by an administrator's hand. The council's adoption takes this
    place with the next issue; what happens then is `adopt`."""
    if not reason.strip():
        raise Invalid("Say why it comes into force.", fields={"reason": ["Say why."]})
    return adopt(version=version, reason=reason)


@transaction.atomic
def adopt(*, version: PolicyVersion, reason: str) -> PolicyVersion:
    """The act itself: the version in force is superseded, this one takes its place, and every
    process notices by the stamp. Callers decide who may."""
    policy = Policy.lock(version.policy_id)
    row = PolicyVersion.lock(version.pk)
    if VersionStatus.IN_FORCE not in MOVES[row.status]:
        words = VersionStatus(row.status).label.lower()
        raise Conflict(f"Version {row.number} is {words} and cannot come into force.")
    if found := check(row.text):
        raise Unsaved(found)
    moment = now()
    with acting(reason=reason):
        for former in policy.versions.filter(status__in=EVALUATED).exclude(pk=row.pk):
            former.compare_and_set(
                where={"status": former.status}, status=VersionStatus.SUPERSEDED, ended_at=moment
            )
            record(type="policy.superseded", object=former, reason=reason)
        put = row.compare_and_set(
            where={"status": row.status}, status=VersionStatus.IN_FORCE, activated_at=moment
        )
        if not put:
            raise Conflict("Somebody else has just changed this version.")
        bump()
        record(type="policy.activated", object=row, reason=reason, after={"digest": row.digest})
    return row


@permitted("policies.activate")
@transaction.atomic
def suspend_version(*, actor: User | None, version: PolicyVersion, reason: str) -> None:
    """Switches off the permits of a version in force; its forbids stay."""
    row = PolicyVersion.lock(version.pk)
    with acting(reason=reason):
        moved = row.compare_and_set(
            where={"status": VersionStatus.IN_FORCE}, status=VersionStatus.SUSPENDED
        )
        if not moved:
            raise Conflict("Only a version in force can be suspended.")
        bump()
        record(type="policy.suspended", object=row, reason=reason)
