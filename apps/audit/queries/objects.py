"""One object and everything about it."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from django.apps import apps
from django.core.exceptions import ValidationError
from django.db import models
from django.urls import NoReverseMatch, reverse

from apps.access.models import User
from apps.access.queries import holds
from apps.approvals.models import ApprovalRequest
from apps.audit.queries.scope import require_object
from apps.audit.rules.grammar import Term, Trail
from apps.common.errors import Absent
from apps.common.tracked import Tracked
from apps.ledger.models import LedgerEvent
from apps.runtime.models import Action

PAGES: dict[str, tuple[str, str]] = {
    "registry.agent": ("registry:agent", "slug"),
    "registry.tool": ("registry:tool", "name"),
    "policies.policy": ("policies:policy", "slug"),
    "orchestration.run": ("orchestration:run", "number"),
    "approvals.approvalrequest": ("approvals:request", "number"),
    "council.motion": ("council:motion", "number"),
}
TRAILS: dict[str, tuple[str, str]] = {
    "registry.agent": ("agent", "slug"),
    "policies.policy": ("policy", "slug"),
    "orchestration.run": ("run", "pk"),
    "approvals.approvalrequest": ("request", "pk"),
    "runtime.session": ("session", "pk"),
}


@dataclass(frozen=True)
class Subject:
    """An object as the trail knows it; `instance` is None once it is gone."""

    label: str
    pk: str
    title: str
    kind: str
    trail: Trail
    has_versions: bool
    page_url: str
    instance: models.Model | None


def subject(reader: User, label: str, pk: str) -> Subject:
    """Raises Absent for who may not see it, and for what no event speaks of."""
    if not holds(reader, "audit.view"):
        raise Absent
    model = model_of(label)
    require_object(reader, label, pk)
    instance = instance_of(model, pk)
    title = str(instance) if instance else last_title(label, pk)
    if not title:
        raise Absent
    return Subject(
        label=label,
        pk=pk,
        title=title,
        kind=str(model._meta.verbose_name),
        trail=trail_of(label, pk, instance),
        has_versions=issubclass(model, Tracked),
        page_url=page_of(label, instance),
        instance=instance,
    )


def model_of(label: str) -> type[models.Model]:
    try:
        return apps.get_model(label)
    except (LookupError, ValueError):
        raise Absent from None


def instance_of(model: type[models.Model], pk: str) -> models.Model | None:
    try:
        key = model._meta.pk.to_python(pk)
        return model._default_manager.filter(pk=key).first()
    except (ValidationError, ValueError, OverflowError):
        raise Absent from None


def last_title(label: str, pk: str) -> str:
    """What the trail last called something that is gone."""
    rows = (
        LedgerEvent.objects.select_related("personal")
        .filter(object_type=label, object_id=pk)
        .order_by("-at", "-pk")
    )
    return rows.values_list("object_label", flat=True).first() or ""


def trail_of(label: str, pk: str, instance: models.Model | None) -> Trail:
    if instance is not None and label in TRAILS:
        key, attribute = TRAILS[label]
        return Trail((Term(key, str(getattr(instance, attribute))),))
    return Trail((Term("object", f"{label}/{pk}"),))


def page_of(label: str, instance: models.Model | None) -> str:
    """The object's own page, where it has one."""
    if instance is None or label not in PAGES:
        return ""
    name, attribute = PAGES[label]
    try:
        return reverse(name, args=[getattr(instance, attribute)])
    except (NoReverseMatch, AttributeError):
        return ""


@dataclass(frozen=True)
class Pivots:
    """What an event belongs to besides its act and run."""

    request_id: uuid.UUID | None = None
    session_id: uuid.UUID | None = None
    action_id: uuid.UUID | None = None


def pivots(event: LedgerEvent) -> Pivots:
    action_id, request_id = "", None
    if event.object_type == "runtime.action":
        action_id = event.object_id
    elif event.object_type == "approvals.approvalrequest":
        request = ApprovalRequest.objects.filter(pk=event.object_id).only("pk", "action_ref")
        for found in request:
            request_id, action_id = found.pk, str(found.action_ref)
    action = Action.objects.filter(pk=action_id).first() if action_id else None
    if action is None:
        return Pivots(request_id=request_id)
    return Pivots(request_id or action.approval_id, action.session_id, action.pk)
