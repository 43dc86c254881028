"""Standing permissions and policies are looked at again before their day."""

from __future__ import annotations

import datetime as dt

from django.db import transaction

from apps.access.models import User
from apps.access.services import permitted
from apps.common.clock import now
from apps.common.errors import Invalid, NotPermitted
from apps.council.models import Certification
from apps.council.services.common import days, seat_of
from apps.ledger.services import record
from apps.policies.models import PolicyVersion
from apps.policies.states import VersionStatus
from apps.registry.models import Grant

CERTIFIED_DAYS = 180


@permitted("council.sit")
@transaction.atomic
def certify(*, actor: User, certification: Certification, reason: str) -> None:
    """A member has looked at a standing permission or policy, and it may stand on."""
    if seat_of(actor) is None:
        raise NotPermitted("Members of the council certify.")
    if not reason.strip():
        raise Invalid("Say what you looked at.", fields={"reason": ["Say what you looked at."]})
    moment = now()
    row = Certification.lock(certification.pk)
    row.due_on = (moment + dt.timedelta(days=CERTIFIED_DAYS)).date()
    row.certified_at, row.certified_by_label = moment, str(actor)
    row.save()
    record(type="certification.given", object=row, reason=reason, after={"due_on": row.due_on})


def keep_certifications() -> None:
    """One row for each standing permission and policy; rows of what has ended go out of view with
    it. Beat calls it."""
    moment = now()
    known = set(Certification.objects.values_list("object_type", "object_id"))
    grants = Grant.objects.filter(revoked_at=None, expires_at__gt=moment)
    for grant in grants.select_related("agent", "tool"):
        if ("grant", grant.pk) not in known:
            due = min(grant.expires_at, grant.starts_at + dt.timedelta(days=CERTIFIED_DAYS))
            add("grant", grant.pk, f"{grant.agent} may use {grant.tool}", due)
    versions = PolicyVersion.objects.filter(status=VersionStatus.IN_FORCE)
    for version in versions.select_related("policy"):
        if ("policy", version.policy_id) not in known and version.activated_at:
            due = version.activated_at + dt.timedelta(days=CERTIFIED_DAYS)
            add("policy", version.policy_id, str(version.policy), due)


def add(kind: str, pk: int, label: str, due: dt.datetime) -> None:
    row = Certification(object_type=kind, object_id=pk, label=label[:200], due_on=due.date())
    with transaction.atomic():
        row.save()


def soon() -> dt.date:
    """What falls due until this day stands on the agenda."""
    return (now() + days(30)).date()
