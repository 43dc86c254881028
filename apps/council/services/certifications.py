"""Standing permissions and policies are looked at again before their day. What nobody looked at
goes on, and is shown as overdue: nothing but an emergency measure ends by silence."""

from __future__ import annotations

import datetime as dt

from django.db import transaction
from django.urls import reverse

from apps.access.models import User
from apps.access.services import permitted
from apps.approvals import notices
from apps.common.clock import now
from apps.common.errors import NotPermitted
from apps.council.models import Certification
from apps.council.rules import CERTIFIED_DAYS, NOTICE_DAYS
from apps.council.services import tidings
from apps.council.services.common import said, seat_of
from apps.ledger.services import record
from apps.policies import adoption
from apps.policies.models import Policy, PolicyVersion
from apps.policies.states import VersionStatus
from apps.registry.models import Grant


@permitted("council.sit")
@transaction.atomic
def certify(*, actor: User, certification: Certification, reason: str) -> None:
    """A member has looked at a standing permission or policy, and it may stand on."""
    if seat_of(actor) is None:
        raise NotPermitted("Members of the council certify.")
    reason = said(reason, "Say what you looked at.")
    moment = now()
    row = Certification.lock(certification.pk)
    row.due_on = (moment + dt.timedelta(days=CERTIFIED_DAYS)).date()
    row.noticed_on = None
    row.certified_at, row.certified_by_label = moment, str(actor)
    row.save()
    if row.object_type == "policy":
        policy = Policy.objects.get(pk=row.object_id)
        adoption.set_review(policy=policy, on=row.due_on, reason=reason)
    record(type="certification.given", object=row, reason=reason, after={"due_on": row.due_on})


def keep_certifications() -> None:
    """One row for each standing permission and policy, and a notice 30 days before its day. Rows
    of what has ended go out of view with it. Beat calls it."""
    known = {(row.object_type, row.object_id): row for row in Certification.objects.all()}
    moment = now()
    grants = Grant.objects.filter(revoked_at=None, expires_at__gt=moment)
    for grant in grants.select_related("agent", "tool"):
        if ("grant", grant.pk) not in known:
            due = min(grant.expires_at, grant.starts_at + dt.timedelta(days=CERTIFIED_DAYS))
            add("grant", grant.pk, f"{grant.agent} may use {grant.tool}", due.date())
    versions = PolicyVersion.objects.filter(status=VersionStatus.IN_FORCE)
    for version in versions.select_related("policy"):
        keep_policy(version, known.get(("policy", version.policy_id)))
    give_notice(moment.date())


def keep_policy(version: PolicyVersion, row: Certification | None) -> None:
    """The day of a policy is its own `review_by`."""
    policy, since = version.policy, version.activated_at or version.created_at
    on = policy.review_by
    if on is None:
        on = (since + dt.timedelta(days=CERTIFIED_DAYS)).date()
        adoption.set_review(policy=policy, on=on, reason="It came into force.")
    if row is None:
        add("policy", policy.pk, str(policy), on)
    elif row.due_on != on:
        row.due_on, row.noticed_on = on, None
        row.save()


def add(kind: str, pk: int, label: str, due_on: dt.date) -> None:
    row = Certification(object_type=kind, object_id=pk, label=label[:200], due_on=due_on)
    with transaction.atomic():
        row.save()


def give_notice(today: dt.date) -> None:
    """Thirty days before, once, to the council and to whoever answers for the thing."""
    soon = today + dt.timedelta(days=NOTICE_DAYS)
    for row in Certification.objects.filter(noticed_on=None, due_on__lte=soon)[:200]:
        with transaction.atomic():
            if row.compare_and_set(where={"noticed_on": None}, noticed_on=today):
                notices.tell(
                    users={user.pk: user for user in [*tidings.members(), *owner_of(row)]}.values(),
                    title=f"To be looked at again by {row.due_on:%d %b %Y}: {row}",
                    url=reverse("council:council"),
                )


def owner_of(row: Certification) -> list[User]:
    if row.object_type == "grant":
        grants = Grant.objects.filter(pk=row.object_id).select_related("agent__owner")
        return [grant.agent.owner for grant in grants]
    policies = Policy.objects.filter(pk=row.object_id).select_related("owner")
    return [policy.owner for policy in policies if policy.owner is not None]


def soon() -> dt.date:
    """What falls due until this day stands on the agenda."""
    return (now() + dt.timedelta(days=NOTICE_DAYS)).date()
