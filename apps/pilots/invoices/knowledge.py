"""What the back office knows about a document: from its tables, not from the caller's words."""

from __future__ import annotations

import datetime as dt
import uuid
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db.models import QuerySet

from apps.common.clock import now
from apps.pilots.invoices import ubl
from apps.pilots.invoices.checks import iban_valid, suspicious
from apps.pilots.invoices.models import (
    DocumentStatus,
    InvoiceDocument,
    Payment,
    PurchaseOrder,
    Supplier,
)
from apps.runtime.toolbox import Rejected, Unavailable

TOLERANCE_PERMILLE = 20


def folder(name: str) -> Path:
    """A folder of the pilot under var/, made when it is first needed."""
    path = Path(settings.VAR_DIR) / "invoices" / name
    path.mkdir(parents=True, exist_ok=True)
    return path


def document(reference: str) -> InvoiceDocument:
    try:
        pk = uuid.UUID(reference)
    except ValueError:
        raise Rejected("There is no such document.") from None
    found = InvoiceDocument.objects.select_related("supplier").filter(pk=pk).first()
    if found is None:
        raise Rejected("There is no such document.")
    return found


def content_of(row: InvoiceDocument) -> bytes:
    try:
        return (folder("store") / row.digest).read_bytes()
    except OSError as error:
        raise Unavailable("The document's file cannot be read at present.") from error


def supplier_for(row: InvoiceDocument) -> Supplier | None:
    """By the VAT number; by the name only where the document gives no number, since anybody can
    write another's name."""
    if row.supplier_id:
        return row.supplier
    if row.supplier_vat:
        return Supplier.objects.filter(vat_id=row.supplier_vat).first()  # type: ignore[no-any-return]
    return Supplier.objects.filter(name__iexact=row.supplier_name).first()  # type: ignore[no-any-return]


def order_for(row: InvoiceDocument) -> PurchaseOrder | None:
    if not row.order_number or row.supplier_id is None:
        return None
    return PurchaseOrder.objects.filter(
        number=row.order_number, supplier_id=row.supplier_id
    ).first()


def same_number(row: InvoiceDocument) -> QuerySet[InvoiceDocument]:
    """Earlier documents of the same supplier and number that were not set aside; however the
    supplier writes its name, or the number its letters."""
    seller: dict[str, Any] = {"supplier_name__iexact": row.supplier_name}
    if row.supplier_id:
        seller = {"supplier": row.supplier_id}
    found = InvoiceDocument.objects.filter(
        **seller, number__iexact=row.number, kind=row.kind, received_at__lte=row.received_at
    ).exclude(pk=row.pk)
    return found.exclude(status__in=["invalid", "refused", "held"]).order_by("received_at")


def twin_of(row: InvoiceDocument) -> InvoiceDocument | None:
    """An earlier document of the same supplier, number, date and amount."""
    return same_number(row).filter(issued_on=row.issued_on, amount=row.amount).first()


def near_twin(row: InvoiceDocument) -> InvoiceDocument | None:
    """One of the same supplier and number, but with another date or amount."""
    return same_number(row).exclude(issued_on=row.issued_on, amount=row.amount).first()


def days_since(moment: dt.datetime) -> int:
    return (now() - moment).days


def document_facts(row: InvoiceDocument) -> dict[str, Any]:
    """Every fact about a document; what the tables do not say is absent."""
    facts: dict[str, Any] = {
        "status": row.status,
        "credit_note": row.kind == "credit_note",
        "duplicate": twin_of(row) is not None,
        "near_duplicate": near_twin(row) is not None,
        "suspicious_text": any(finding.get("rule") == "TEXT" for finding in row.findings),
        "supplier_known": row.supplier_id is not None,
        "account_matches": False,
    }
    if row.amount is not None:
        facts |= {"amount": row.amount, "currency": row.currency}
    if row.supplier is not None:
        facts |= {
            "supplier_blocked": row.supplier.blocked,
            "supplier_known_days": days_since(row.supplier.known_since),
            "account_matches": bool(row.iban) and row.iban == row.supplier.iban,
            "account_known_days": days_since(row.supplier.iban_since),
        }
    return facts | order_facts(row)


def order_facts(row: InvoiceDocument) -> dict[str, Any]:
    order = order_for(row)
    if order is None:
        return {"order_known": False}
    amount = row.amount or 0
    left = order.amount - order.invoiced
    asks = row.kind == "invoice" and row.status not in (
        DocumentStatus.POSTED,
        DocumentStatus.SCHEDULED,
    )
    over = max(0, amount - left) if asks else 0
    return {
        "order_known": True,
        "order_open": left,
        "received_open": order.received - order.invoiced,
        "over_order_permille": over * 1000 // max(1, order.amount),
    }


def account_facts(supplier_number: str, iban: str) -> dict[str, Any]:
    supplier = Supplier.objects.filter(number=supplier_number).first()
    if supplier is None:
        return {}
    return {
        "supplier_known": True,
        "supplier_known_days": days_since(supplier.known_since),
        "account_known_days": days_since(supplier.iban_since),
        "account_valid": iban_valid(iban),
        "open_payments": Payment.objects.filter(
            document__supplier=supplier, cancelled_at__isnull=True, pay_on__gt=now().date()
        ).count(),
    }


def read(row: InvoiceDocument) -> ubl.Document:
    return ubl.parse(content_of(row))


def text_findings(document: ubl.Document) -> list[dict[str, str]]:
    return [
        {"rule": "TEXT", "sentence": f"Free text at {item.path} talks like an instruction."}
        for item in document.untrusted
        if suspicious(item.text)
    ]
