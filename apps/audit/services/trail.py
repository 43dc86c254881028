"""What the audit pages write: saved searches, and the record of who read what."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Sequence

from django.db import IntegrityError, transaction

from apps.access.models import User
from apps.access.services import permitted
from apps.audit.models import SavedView
from apps.audit.queries import views
from apps.audit.rules.grammar import parse
from apps.common.clock import now
from apps.common.errors import Conflict, Invalid
from apps.ledger.reads import noted
from apps.ledger.services import record

MOST_VIEWS = 50


def note_search(*, query: str) -> None:
    """An auditor's search is on record too: once per person, query and hour."""
    label = query[:200]
    if not noted("audit.searched", object_label=label):
        record(type="audit.searched", object_label=label)


@permitted("audit.view")
def note_export(*, actor: User, query: str, form: str, until: dt.datetime) -> None:
    record(
        type="audit.exported",
        object_label=query[:200] or "Everything",
        after={"query": query, "form": form, "until": until},
    )


@permitted("audit.view")
@transaction.atomic
def save_view(
    *, actor: User, name: str, query: str, columns: Sequence[str], shared: bool
) -> SavedView:
    """Keeps a search under a name. Raises Invalid or Conflict with a sentence."""
    name = " ".join(name.split())
    if not name or len(name) > 80:
        raise Invalid("Give the view a name of up to 80 characters.")
    if SavedView.objects.filter(owner=actor).count() >= MOST_VIEWS:
        raise Invalid(f"You have {MOST_VIEWS} views already; remove one first.")
    view = SavedView(
        owner=actor,
        owner_label=str(actor),
        name=name,
        query=str(parse(query)),
        columns=list(columns),
        shared=shared,
        created_at=now(),
    )
    try:
        with transaction.atomic():
            view.save(force_insert=True)
    except IntegrityError:
        raise Conflict(f"You have a view called “{name}” already.") from None
    record(type="audit.view_saved", object=view, after={"query": view.query, "shared": shared})
    return view


@permitted("audit.view")
@transaction.atomic
def remove_view(*, actor: User, pk: uuid.UUID) -> None:
    view = views.own(actor, pk)
    record(type="audit.view_removed", object=view, before={"query": view.query})
    view.delete()
