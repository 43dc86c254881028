"""The life of a version from proposal to force and out of it. Only the council's motions, the
emergency measure and the seed of an empty installation may call this (import-linter): there is no
way past the council, for administrators neither."""

from __future__ import annotations

import datetime as dt

from django.db import transaction

from apps.common.acting import acting
from apps.common.clock import now
from apps.common.errors import Conflict
from apps.ledger.services import record
from apps.policies.models import Policy, PolicyVersion
from apps.policies.services import Unsaved, bump, check
from apps.policies.states import EVALUATED, MOVES, VersionStatus
from apps.registry.queries import frozen_by

ACTS = {
    VersionStatus.PROPOSED: "policy.proposed",
    VersionStatus.ADOPTED: "policy.adopted",
    VersionStatus.DECLINED: "policy.declined",
    VersionStatus.DRAFT: "policy.returned",
    VersionStatus.LAPSED: "policy.lapsed",
    VersionStatus.SUSPENDED: "policy.suspended",
}


@transaction.atomic
def move_version(*, version: PolicyVersion, to: str, reason: str) -> PolicyVersion:
    """Proposed, adopted, declined, back in draft, suspended or lapsed. Raises Conflict."""
    row = PolicyVersion.lock(version.pk)
    if to not in MOVES[row.status] or to == VersionStatus.IN_FORCE:
        words = VersionStatus(row.status).label.lower()
        raise Conflict(f"Version {row.number} is {words} and cannot become {to}.")
    changes = {"ended_at": now()} if to in (VersionStatus.LAPSED, VersionStatus.DECLINED) else {}
    with acting(reason=reason):
        if not row.compare_and_set(where={"status": row.status}, status=to, **changes):
            raise Conflict("Somebody else has just changed this version.")
        if row.status in (*EVALUATED, VersionStatus.LAPSED) or row.shadow_since:
            bump()
        record(type=ACTS[VersionStatus(to)], object=row, reason=reason)
    return row


@transaction.atomic
def enforce(*, version: PolicyVersion, reason: str) -> PolicyVersion:
    """Puts a version in force: the one before is superseded, and every process notices by the
    stamp. Raises Unsaved when the text no longer fits the registered tools."""
    policy = Policy.lock(version.policy_id)
    row = PolicyVersion.lock(version.pk)
    if VersionStatus.IN_FORCE not in MOVES[row.status]:
        words = VersionStatus(row.status).label.lower()
        raise Conflict(f"Version {row.number} is {words} and cannot come into force.")
    if by := frozen_by(policy.slug):
        raise Conflict(f"{by} freezes this policy: no version comes into force until it is lifted.")
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
            where={"status": row.status},
            status=VersionStatus.IN_FORCE,
            activated_at=moment,
            shadow_since=None,
        )
        if not put:
            raise Conflict("Somebody else has just changed this version.")
        bump()
        record(type="policy.activated", object=row, reason=reason, after={"digest": row.digest})
    return row


@transaction.atomic
def set_review(*, policy: Policy, on: dt.date, reason: str) -> None:
    """Until when the council looks at the policy again. Nothing ends by itself on that day."""
    row = Policy.lock(policy.pk)
    with acting(reason=reason):
        if row.review_by != on and row.compare_and_set(where={}, review_by=on):
            record(type="policy.review_set", object=row, reason=reason, after={"review_by": on})
