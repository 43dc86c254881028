"""Sittings: called, opened, closed with minutes that are generated, hashed and signed off."""

from __future__ import annotations

import datetime as dt

from django.db import transaction

from apps.access.models import User
from apps.access.services import permitted
from apps.common.canonical import digest
from apps.common.clock import now
from apps.common.errors import Conflict, Invalid, NotPermitted
from apps.common.numbering import save_numbered
from apps.council.minutes import minutes_of
from apps.council.models import Note, Sitting
from apps.council.states import SittingStatus
from apps.ledger.services import record


@permitted("council.chair")
@transaction.atomic
def call_sitting(*, actor: User, title: str, starts_at: dt.datetime, place: str) -> Sitting:
    """A sitting on a day to come; its agenda fills itself."""
    if starts_at <= now():
        raise Invalid("Choose a moment to come.", fields={"starts_at": ["It is past."]})
    row = Sitting(title=title, starts_at=starts_at, place=place, called_by=actor)
    save_numbered(row)
    record(type="sitting.called", object=row, after={"starts_at": starts_at})
    return row


@permitted("council.chair")
@transaction.atomic
def open_sitting(*, actor: User, sitting: Sitting, present: list[int]) -> None:
    """Opens it with those who are there."""
    rows = Sitting.objects.filter(pk=sitting.pk, status=SittingStatus.PLANNED).update(
        status=SittingStatus.OPEN, opened_at=now(), present=sorted(present)
    )
    if not rows:
        raise Conflict("This sitting is open or over already.")
    record(type="sitting.opened", object=sitting, after={"present": sorted(present)})


@permitted("council.sit")
@transaction.atomic
def note(*, actor: User, sitting: Sitting, item: str, text: str) -> Note:
    """A speaking note; until the sitting closes."""
    if not text.strip():
        raise Invalid("Write something.", fields={"text": ["Write something."]})
    row = Sitting.objects.select_for_update().get(pk=sitting.pk)
    if row.status in (SittingStatus.CLOSED, SittingStatus.SIGNED):
        raise Conflict("This sitting is over.")
    said = Note(sitting=row, item=item[:120], author_label=str(actor), text=text, at=now())
    said.save(force_insert=True)
    return said


@permitted("council.chair")
@transaction.atomic
def close_sitting(*, actor: User, sitting: Sitting) -> Sitting:
    """Closes it: the minutes are written from the records and hashed."""
    row = Sitting.objects.select_for_update().get(pk=sitting.pk)
    if row.status != SittingStatus.OPEN:
        raise Conflict("Only an open sitting is closed.")
    row.closed_at = now()
    text = minutes_of(row)
    Sitting.objects.filter(pk=row.pk).update(
        status=SittingStatus.CLOSED,
        closed_at=row.closed_at,
        minutes=text,
        minutes_digest=digest({"minutes": text}),
    )
    row.refresh_from_db()
    record(type="sitting.closed", object=row, after={"minutes": row.minutes_digest})
    return row


@permitted("council.sit")
@transaction.atomic
def sign(*, actor: User, sitting: Sitting, minutes_digest: str) -> None:
    """Those who were present sign the minutes as they read them; two signatures settle them."""
    row = Sitting.objects.select_for_update().get(pk=sitting.pk)
    if row.status not in (SittingStatus.CLOSED, SittingStatus.SIGNED):
        raise Conflict("There are no minutes yet.")
    if minutes_digest != row.minutes_digest:
        raise Conflict("These are not the minutes that you read.")
    if actor.pk not in row.present:
        raise NotPermitted("Those who were present sign the minutes.")
    if any(signature["person"] == actor.pk for signature in row.signatures):
        raise Conflict("You have signed already.")
    signatures = [
        *row.signatures,
        {"person": actor.pk, "label": str(actor), "at": now().isoformat()},
    ]
    status = SittingStatus.SIGNED if len(signatures) >= 2 else row.status
    Sitting.objects.filter(pk=row.pk).update(signatures=signatures, status=status)
    record(type="sitting.signed", object=row, after={"minutes": row.minutes_digest})
