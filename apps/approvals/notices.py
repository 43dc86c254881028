"""Telling people: at once on the page, by mail in bundles, and by a signed webhook.

A link opens and never decides. Whatever a channel does, nothing here stops a request.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import json
import logging
import smtplib
import urllib.error
import urllib.request
from collections.abc import Iterable, Sequence

from django.conf import settings
from django.core.mail import EmailMessage
from django.urls import reverse

from apps.access.models import User
from apps.approvals import digests
from apps.approvals.digests import BUNDLE
from apps.approvals.models import ApprovalRequest, Notice
from apps.common.clock import now

log = logging.getLogger(__name__)
CLAIM = dt.timedelta(minutes=5)
LAPSES_SOON = dt.timedelta(minutes=3)
LONGEST_PAUSE = dt.timedelta(hours=1)
MOST_TRIES = 12
MOST_IN_A_MAIL = 50


def tell(*, users: Iterable[User], title: str, url: str, urgent: bool = False) -> int:
    """Notes it for each person, inside the caller's transaction. Mail leaves after two minutes,
    or at the hours that the person chose, together with what else is due; what is urgent (an
    escalation, a claim about to lapse) with the next sweep, and to those who want no mail too."""
    moment = now()
    rows = [
        Notice(
            user=user,
            at=moment,
            title=title[:250],
            url=url,
            urgent=urgent,
            mail_due_at=due_for(user, moment, urgent=urgent),
            hook_due_at=moment if settings.COUNCIL["WEBHOOK_URL"] else None,
        )
        for user in users
    ]
    Notice.objects.bulk_create(rows)
    return len(rows)


def due_for(user: User, moment: dt.datetime, *, urgent: bool) -> dt.datetime | None:
    """When a mail to the person may leave; None for nobody to mail."""
    if not user.email or not (user.mail or urgent):
        return None
    return digests.mail_at(
        moment, urgent=urgent, hours=digests.hours_of(user.digest_hours), zone=user.time_zone
    )


def opened(*, user: User, url: str) -> None:
    """The person has it before them: no mail is needed any more."""
    Notice.objects.filter(user=user, url=url, opened_at=None).update(
        opened_at=now(), mail_due_at=None
    )


def open_all(*, user: User) -> None:
    Notice.objects.filter(user=user, opened_at=None).update(opened_at=now(), mail_due_at=None)


def drop_decided(url: str) -> None:
    """What is decided needs no mail. Notes that somebody opens or mails at this moment are left to
    them: whoever ends many questions in one transaction must not wait here."""
    due = Notice.objects.filter(url=url, mailed_at=None, mail_due_at__isnull=False)
    free = due.select_for_update(skip_locked=True).values("pk")
    Notice.objects.filter(pk__in=free).update(mail_due_at=None)


def warn_lapsing() -> int:
    """Tells holders that their claim is about to lapse; once per claim, and at once."""
    moment = now()
    rows = ApprovalRequest.with_seeds.filter(
        status="pending", holder__isnull=False, lease_until__gt=moment,
        lease_until__lte=moment + LAPSES_SOON,
    )  # fmt: skip
    told = 0
    for row in rows.select_related("holder")[:200]:
        url = reverse("approvals:request", args=[row.number])
        title = f"Your claim on {row.reference} lapses at {row.lease_until:%H:%M} UTC: {row.title}"
        if (
            row.holder is not None
            and not Notice.objects.filter(user=row.holder, url=url, title=title[:250]).exists()
        ):
            told += tell(users=[row.holder], title=title, url=url, urgent=True)
    return told


def send_due() -> int:
    """Mails one bundle to each person for whom one is due. A row is claimed by moving its moment
    on, so that two sweeps never send it twice; a failure tries again, ever more slowly."""
    moment = now()
    due = Notice.objects.filter(mail_due_at__lte=moment)
    people = set(due.values_list("user_id", flat=True)[:500])
    sent = 0
    for user in User.objects.filter(pk__in=people, is_active=True):
        mine = Notice.objects.filter(user=user, mail_due_at__lte=moment + BUNDLE, mailed_at=None)
        rows = list(mine.order_by("at")[:MOST_IN_A_MAIL])
        keys = [row.pk for row in rows]
        won = Notice.objects.filter(pk__in=keys, mail_due_at__lte=moment + BUNDLE).update(
            mail_due_at=moment + CLAIM
        )
        if won:
            sent += mail(user, rows)
    return sent


def mail(user: User, rows: Sequence[Notice]) -> bool:
    lines = [f"{row.title}\n{settings.COUNCIL['BASE_URL']}{row.url}\n" for row in rows]
    number = len(rows)
    words = "1 question waits for you" if number == 1 else f"{number} questions wait for you"
    message = EmailMessage(
        subject=f"Agent Council: {words}",
        body="\n".join(lines) + "\nThe links open the items; nothing is decided by mail.\n",
        to=[user.email],
    )
    keys = [row.pk for row in rows]
    try:
        message.send()
    except (OSError, smtplib.SMTPException) as error:
        failed(rows, "mail_due_at", error)
        return False
    Notice.objects.filter(pk__in=keys).update(mailed_at=now(), mail_due_at=None, error="")
    return True


def failed(rows: Sequence[Notice], field: str, error: Exception) -> None:
    log.warning("A notice could not be delivered: %s", type(error).__name__)
    for row in rows:
        tries = row.tries + 1
        pause = min(LONGEST_PAUSE, dt.timedelta(seconds=30 * 2**row.tries))
        Notice.objects.filter(pk=row.pk).update(
            **{field: now() + pause if tries < MOST_TRIES else None},
            tries=tries,
            error=f"{type(error).__name__}: {error}"[:200],
        )


def hook_due() -> int:
    """Posts what is due to the organisation's own system, as one JSON list signed with HMAC."""
    moment = now()
    rows = list(
        Notice.objects.filter(hook_due_at__lte=moment).select_related("user").order_by("at")[:200]
    )
    keys = [row.pk for row in rows]
    claimed = Notice.objects.filter(pk__in=keys, hook_due_at__lte=moment)
    if not rows or not claimed.update(hook_due_at=moment + CLAIM):
        return 0
    body = json.dumps(
        [
            {
                "id": str(row.pk),
                "at": row.at.isoformat(),
                "person": row.user.username,
                "title": row.title,
                "url": f"{settings.COUNCIL['BASE_URL']}{row.url}",
                "urgent": row.urgent,
            }
            for row in rows
        ]
    ).encode()
    try:
        post(body)
    except (OSError, urllib.error.URLError, ValueError) as error:
        failed(rows, "hook_due_at", error)
        return 0
    Notice.objects.filter(pk__in=keys).update(hooked_at=now(), hook_due_at=None)
    return len(rows)


def signature(body: bytes) -> str:
    """`sha256=…` over the body, with the secret that both sides know."""
    secret = str(settings.COUNCIL["WEBHOOK_SECRET"]).encode()
    return "sha256=" + hmac.new(secret, body, hashlib.sha256).hexdigest()


def post(body: bytes) -> None:
    request = urllib.request.Request(  # noqa: S310 - the address comes from the environment
        str(settings.COUNCIL["WEBHOOK_URL"]),
        data=body,
        headers={"Content-Type": "application/json", "X-Council-Signature": signature(body)},
    )
    with urllib.request.urlopen(request, timeout=5) as answer:  # noqa: S310
        if answer.status >= 300:
            raise ValueError(f"The webhook answered {answer.status}.")
