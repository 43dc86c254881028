"""How long events are kept, and what may be taken away: the content of events after their time, and
texts that somebody typed, on request. Either leaves the chain whole and is itself on record."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from django.conf import settings
from django.db import transaction

from apps.common.clock import now
from apps.common.errors import Conflict, Invalid
from apps.ledger.models import Hold, LedgerEvent, PersonalText, Seal, SealEntry, Tombstone
from apps.ledger.protection import protect, unprotect
from apps.ledger.services import record
from apps.ledger.verification.walk import range_root, verify

FLOOR = dt.timedelta(days=183)
CHUNK = 500


def kept_for() -> dt.timedelta:
    """The organisation's period, never below six months."""
    return max(FLOOR, dt.timedelta(days=settings.LEDGER["RETENTION_DAYS"]))


def open_holds() -> Sequence[Hold]:
    return list(Hold.objects.filter(lifted_at__isnull=True).order_by("opened_at"))


def purgeable(moment: dt.datetime) -> tuple[int, int]:
    """(first, last) number of the events whose time is over: whole seals, without a gap behind
    what was purged before. (1, 0) or the like when there are none."""
    first = (Tombstone.objects.order_by("-last_seq").values_list("last_seq", flat=True).first()
             or 0) + 1  # fmt: skip
    old = Seal.objects.filter(sealed_at__lt=moment - kept_for()).order_by("-number").first()
    return first, old.last_seq if old else 0


def purge() -> Tombstone | None:
    """Takes the content of events away whose retention is over, and leaves their entries and a
    tombstone. Must run as the owner of the tables. None when there is nothing to purge.

    Refuses while a hold is open, and where the ledger does not verify: evidence of a change must
    not be purged with what was changed."""
    if holds := open_holds():
        names = ", ".join(str(hold) for hold in holds)
        raise Conflict(f"A legal hold is open ({names}): nothing is purged.")
    first, last = purgeable(now())
    if last < first:
        return None
    report = verify()
    if not report.intact:
        raise Conflict(f"Nothing is purged from a ledger that does not verify. {report.verdict}")
    guarded = settings.LEDGER_PROTECTED
    with transaction.atomic():
        if Hold.objects.select_for_update().filter(lifted_at__isnull=True).exists():
            raise Conflict("A legal hold was opened meanwhile: nothing is purged.")
        stone = bury(first, last)
        if guarded:
            unprotect("default")
        remove(first, last)
        if guarded:
            protect("default")
    return stone


def bury(first: int, last: int) -> Tombstone:
    until = Seal.objects.get(last_seq=last).sealed_at
    root, count = range_root(first, last), last - first + 1
    event = record(
        type="ledger.purged",
        object_label=f"Events {first:,}–{last:,}",
        after={"first_seq": first, "last_seq": last, "count": count, "root": root, "until": until},
        stream="protected",
    )
    return Tombstone.objects.create(
        first_seq=first, last_seq=last, count=count, root=root, until=until, event_id=event.pk,
        at=event.at,
    )  # fmt: skip


def remove(first: int, last: int) -> None:
    """Keys stay: without the events that told them no later signature could be checked."""
    kept = ("ledger.key_made", "ledger.key_rotated", "ledger.key_lost", "ledger.purged",
            "ledger.text_erased")  # fmt: skip
    for start in range(first, last + 1, CHUNK):
        entries = SealEntry.objects.filter(seq__range=(start, min(last, start + CHUNK - 1)))
        ids = list(entries.values_list("event_id", flat=True))
        gone = LedgerEvent.objects.filter(pk__in=ids).exclude(type__in=kept)
        PersonalText.objects.filter(event_id__in=list(gone.values_list("pk", flat=True))).delete()
        gone.delete()


@transaction.atomic
def erase(*, subject: str, reason: str) -> int:
    """Erases what `subject` ("person:7") typed, as far as it stands in the ledger: text and salt
    go, the digest remains. The number of texts. Raises Invalid for want of a reason."""
    if not reason.strip():
        raise Invalid("Say on whose request, and on what ground.")
    rows = PersonalText.objects.filter(subject=subject, erased_at__isnull=True)
    ids = list(rows.select_for_update().values_list("event_id", flat=True))
    if not ids:
        raise Invalid(f"Nothing that {subject} typed is kept.")
    PersonalText.objects.filter(event_id__in=ids).update(text="", salt="", erased_at=now())
    for start in range(0, len(ids), CHUNK):
        record(
            type="ledger.text_erased",
            object_label=subject,
            reason=reason,
            after={"events": ids[start : start + CHUNK]},
            stream="protected",
            typed=False,
        )
    return len(ids)
