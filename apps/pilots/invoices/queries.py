from __future__ import annotations

import uuid

from django.db.models import Q, QuerySet

from apps.access.models import User
from apps.access.queries import holds
from apps.approvals.models import ApprovalRequest
from apps.approvals.queries import visible
from apps.common.errors import Absent
from apps.orchestration.models import Run
from apps.pilots.invoices.models import InvoiceDocument, Supplier


def documents(reader: User, *, status: str = "", search: str = "") -> QuerySet[InvoiceDocument]:
    if not holds(reader, "pilots.view"):
        return InvoiceDocument.objects.none()
    found = InvoiceDocument.objects.select_related("supplier")
    if status:
        found = found.filter(status=status)
    if search:
        found = found.filter(Q(number__icontains=search) | Q(supplier_name__icontains=search))
    return found


def document(reader: User, pk: uuid.UUID) -> InvoiceDocument:
    found = documents(reader).filter(pk=pk).first()
    if found is None:
        raise Absent
    return found


def run_of(document: InvoiceDocument) -> Run | None:
    return Run.objects.filter(dedupe_key=f"invoice:{document.digest}").first()


def question_of(reader: User, run: Run | None) -> ApprovalRequest | None:
    """What people are asked about it now, for those who may see the question."""
    if run is None:
        return None
    waiting = run.steps.filter(status="awaiting_approval").values("approval_ref")
    return visible(reader).filter(pk__in=waiting).first()


def suppliers(reader: User) -> list[Supplier]:
    return list(Supplier.objects.order_by("name")[:500]) if holds(reader, "pilots.view") else []
