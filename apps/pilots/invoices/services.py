from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass

from django.db import IntegrityError, transaction

from apps.access.models import User
from apps.access.services import require
from apps.common.clock import now
from apps.common.errors import Absent, Invalid
from apps.orchestration.models import Run
from apps.orchestration.services import start_run
from apps.pilots.invoices import bank, ubl
from apps.pilots.invoices.knowledge import folder
from apps.pilots.invoices.models import InvoiceDocument, Payment
from apps.registry.models import AgentCredential
from apps.registry.states import Kind
from apps.runtime.outside import objected


@dataclass(frozen=True)
class Received:
    """What became of one delivered file; `new` is false when the same bytes came before."""

    document: InvoiceDocument
    run: Run
    new: bool


def receive(*, actor: User | None, content: bytes, filename: str, source: str) -> Received:
    """Takes in one document and starts its run. The same bytes again lead to the same run.

    Raises Invalid for an empty or oversized file; whether it can be read is the agents' work.
    """
    require(actor, "pilots.operate")
    return take_in(content, filename, source, requester=actor)


def deliver(*, credential: AgentCredential, content: bytes, filename: str) -> Received:
    """The same for a service that delivers by the API; its key is its identity. Raises Absent
    for a key that is not a service's."""
    if credential.agent.kind != Kind.SERVICE:
        raise Absent
    return take_in(content, filename, "api", requester=None)


def take_in(content: bytes, filename: str, source: str, *, requester: User | None) -> Received:
    if not content:
        raise Invalid(f"{filename} is empty.", "empty")
    if len(content) > ubl.LARGEST:
        raise Invalid(f"{filename} is larger than 5 MB.", "too_large")
    digest = hashlib.sha256(content).hexdigest()
    store(digest, content)
    with transaction.atomic():
        document, new = remember(digest, filename, source)
        run = start_run(
            workflow="invoice-triage",
            trigger={"document": str(document.pk), "file": document.filename, "source": source},
            subject=f"Invoice file {document.filename}",
            dedupe_key=f"invoice:{digest}",
            requester=requester,
        )
    return Received(document, run, new)


def remember(digest: str, filename: str, source: str) -> tuple[InvoiceDocument, bool]:
    found = InvoiceDocument.objects.filter(digest=digest).first()
    if found is not None:
        return found, False
    row = InvoiceDocument(digest=digest, filename=filename[:200], source=source, received_at=now())
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError:
        return InvoiceDocument.objects.get(digest=digest), False
    return row, True


@transaction.atomic
def refuse_payment(refusal: bank.Refusal) -> bool:
    """Keeps what the bank said of a payment, and tells that others objected to the action behind
    it. False: no such payment, or the bank said so before."""
    number = refusal.reference.removeprefix("PAY-")
    if not number.isdecimal() or len(number) > 18:
        return False
    rows = Payment.objects.filter(pk=int(number), refused_at=None)
    if not rows.update(refused_at=now(), refused_code=refusal.code, refused_why=refusal.sentence):
        return False
    payment = Payment.objects.get(pk=int(number))
    objected(idem_key=payment.idem_key, reason=f"The bank refused the payment. {refusal.sentence}")
    return True


def store(digest: str, content: bytes) -> None:
    """Keeps the bytes under their digest; the rename makes a half-written file impossible."""
    target = folder("store") / digest
    if target.exists():
        return
    draft = target.with_suffix(f".{os.getpid()}")
    draft.write_bytes(content)
    os.replace(draft, target)
