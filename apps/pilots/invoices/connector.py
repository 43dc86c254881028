"""The back office as agents reach it: through these tools, and only from the gate."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from typing import Any

from django.db.models import F
from django.urls import reverse

from apps.common.clock import now
from apps.pilots.invoices import knowledge, matching, rulebook, ubl
from apps.pilots.invoices.models import (
    DocumentStatus,
    InvoiceDocument,
    Payment,
    Posting,
    PurchaseOrder,
    Supplier,
)
from apps.pilots.invoices.specs import TOOLS
from apps.runtime.toolbox import Call, Effected, Moved, Preview, Rejected

Values = Mapping[str, Any]
MOST_FINDINGS = 50


class BackOffice:
    """Suppliers, orders, postings and payments: tables of the pilot, in our own database."""

    name = "back office"
    tools = TOOLS
    transactional = True

    def source(self, tool: str) -> str:
        return "back office"

    def facts(self, tool: str, arguments: Values) -> dict[str, Any]:
        if tool == "suppliers.change_account":
            return knowledge.account_facts(arguments["supplier"], arguments["iban"])
        row = knowledge.document(arguments["document"])
        if tool in ("invoices.post", "payments.schedule"):
            return knowledge.document_facts(row)
        return {"status": row.status}

    def preview(self, tool: str, arguments: Values) -> Preview:
        if tool == "suppliers.change_account":
            return preview_account(arguments)
        row = knowledge.document(arguments["document"])
        amount = f"{row.currency} {(row.amount or 0) / 100:,.2f}"
        sentences = {
            "invoices.post": f"Post {row.number} of {row.supplier_name}, {amount}",
            "payments.schedule": f"Pay {row.number} of {row.supplier_name}, {amount}",
            "invoices.hold": f"Set {row.number or row.filename} aside",
        }
        after = {"status": AFTER.get(tool, row.status)}
        before = {"status": row.status}
        if tool == "payments.schedule":
            after |= {"amount": amount, "to": row.supplier.iban if row.supplier else ""}
        url = reverse("invoices:document", args=[row.pk])
        return Preview(sentences.get(tool, tool), before, after, reversible=True, url=url)

    def perform(self, call: Call) -> Effected:
        return PERFORM[call.tool](call)

    def undo(self, call: Call, before: Values, after: Values) -> None:
        if call.tool not in UNDO:
            raise Moved("There is no way back from this.")
        UNDO[call.tool](call, before, after)

    def lookup(self, idem_key: str) -> Effected | None:
        return None


AFTER = {
    "invoices.post": DocumentStatus.POSTED.value,
    "payments.schedule": DocumentStatus.SCHEDULED.value,
    "invoices.hold": DocumentStatus.HELD.value,
}


def preview_account(arguments: Values) -> Preview:
    supplier = Supplier.objects.filter(number=arguments["supplier"]).first()
    if supplier is None:
        raise Rejected("There is no such supplier.")
    return Preview(
        sentence=f"Change bank account: {supplier.name}",
        before={"supplier": str(supplier), "iban": supplier.iban},
        after={"supplier": str(supplier), "iban": arguments["iban"]},
        reversible=True,
        url=reverse("invoices:suppliers"),
    )


def parse(call: Call) -> Effected:
    row = knowledge.document(call.arguments["document"])
    try:
        document = knowledge.read(row)
    except ubl.UnreadableInvoice as error:
        set_status(row, DocumentStatus.INVALID, note=error.sentence)
        empty = {"number": "", "supplier": "", "kind": "", "iban": "", "untrusted": []}
        return Effected({**empty, "readable": False, "problem": error.sentence})
    keep_fields(row, document)
    return Effected(
        {
            "readable": True,
            "number": row.number,
            "supplier": row.supplier_name,
            "kind": row.kind,
            "iban": row.iban,
            "untrusted": [
                {"path": item.path, "text": item.text[:500]} for item in document.untrusted[:20]
            ],
        }
    )


def keep_fields(row: InvoiceDocument, document: ubl.Document) -> None:
    amount = document.payable
    row.kind = document.kind
    row.number = document.number
    row.supplier_name = document.supplier_name
    row.supplier_vat = document.supplier_vat
    row.order_number = document.order_number
    row.issued_on = document.issued_on
    row.due_on = document.due_on
    row.currency = document.currency
    row.amount = ubl.minor(amount, document.currency) if amount is not None else None
    row.iban = document.iban
    row.supplier = knowledge.supplier_for(row)
    row.findings = knowledge.text_findings(document)
    row.save()


def validate(call: Call) -> Effected:
    """What only warns is kept with the document, but is no reason to set it aside."""
    row = knowledge.document(call.arguments["document"])
    found = rulebook.validate(knowledge.read(row))
    broken = [told(finding) for finding in found if not finding.warning][:MOST_FINDINGS]
    warned = [{**told(finding), "warning": True} for finding in found if finding.warning]
    texts = [finding for finding in row.findings if finding["rule"] == "TEXT"]
    kept = broken + warned[:MOST_FINDINGS] + texts
    InvoiceDocument.objects.filter(pk=row.pk).update(findings=kept)
    return Effected({"valid": not broken, "findings": broken})


def told(finding: rulebook.Finding) -> dict[str, Any]:
    return {"rule": finding.rule, "sentence": finding.sentence}


def match(call: Call) -> Effected:
    row = knowledge.document(call.arguments["document"])
    verdict, sentence = matching.matched(row)
    if verdict == "ok":
        set_status(row, DocumentStatus.MATCHED)
    supplier = row.supplier.number if row.supplier else ""
    return Effected({"verdict": verdict, "sentence": sentence, "supplier": supplier})


def hold(call: Call) -> Effected:
    row = knowledge.document(call.arguments["document"])
    before = {"status": row.status, "note": row.note}
    set_status(row, DocumentStatus.HELD, note=call.arguments["reason"])
    after = {"status": DocumentStatus.HELD.value, "note": call.arguments["reason"]}
    return Effected({"status": "held"}, before, after)


def set_status(row: InvoiceDocument, status: str, *, note: str = "") -> None:
    InvoiceDocument.objects.filter(pk=row.pk).update(status=status, note=note)


def post(call: Call) -> Effected:
    row = knowledge.document(call.arguments["document"])
    if row.amount is None or row.status not in (DocumentStatus.MATCHED, DocumentStatus.RECEIVED):
        raise Rejected(f"A document that is {row.get_status_display().lower()} is not posted.")
    signed = row.amount if row.kind == "invoice" else -row.amount
    Posting.objects.create(
        document=row,
        idem_key=call.idem_key,
        amount=signed,
        currency=row.currency,
        posted_at=now(),
    )
    PurchaseOrder.objects.filter(number=row.order_number, supplier=row.supplier).update(
        invoiced=F("invoiced") + signed
    )
    set_status(row, DocumentStatus.POSTED)
    after = {"status": DocumentStatus.POSTED.value, "amount": signed}
    return Effected({"status": "posted", "amount": signed}, {"status": row.status}, after)


def unpost(call: Call, before: Values, after: Values) -> None:
    row = knowledge.document(call.arguments["document"])
    expect(row.status == after["status"], "The invoice is no longer just posted.")
    moved = Posting.objects.filter(document=row, reversed_at__isnull=True).update(reversed_at=now())
    expect(bool(moved), "The posting was reversed already.")
    PurchaseOrder.objects.filter(number=row.order_number, supplier=row.supplier).update(
        invoiced=F("invoiced") - after["amount"]
    )
    set_status(row, before["status"], note="Posting reversed.")


def schedule(call: Call) -> Effected:
    row = knowledge.document(call.arguments["document"])
    if row.status != DocumentStatus.POSTED or row.supplier is None or not row.amount:
        raise Rejected("Only a posted invoice with something to pay is scheduled.")
    days = dt.timedelta(days=row.supplier.payment_days)
    pay_on = row.due_on or (row.issued_on or now().date()) + days
    Payment.objects.create(
        document=row,
        idem_key=call.idem_key,
        amount=row.amount,
        currency=row.currency,
        iban=row.supplier.iban,
        pay_on=pay_on,
        scheduled_at=now(),
    )
    set_status(row, DocumentStatus.SCHEDULED)
    result = {"status": "scheduled", "amount": row.amount, "pay_on": pay_on.isoformat()}
    return Effected(result, {"status": row.status}, {"status": DocumentStatus.SCHEDULED.value})


def unschedule(call: Call, before: Values, after: Values) -> None:
    row = knowledge.document(call.arguments["document"])
    expect(row.status == after["status"], "The payment is no longer in the plan.")
    moved = Payment.objects.filter(document=row, cancelled_at__isnull=True).update(
        cancelled_at=now()
    )
    expect(bool(moved), "The payment was taken out of the plan already.")
    set_status(row, before["status"], note="Payment taken out of the plan.")


def change_account(call: Call) -> Effected:
    supplier = Supplier.lock_by_number(call.arguments["supplier"])
    iban = call.arguments["iban"]
    before = {"iban": supplier.iban, "iban_since": supplier.iban_since.isoformat()}
    moment = now()
    written = supplier.compare_and_set(
        where={"version": supplier.version},
        iban=iban,
        iban_since=moment,
        version=supplier.version + 1,
    )
    if not written:
        raise Rejected("Somebody else has just changed this supplier.")
    after = {"iban": iban, "iban_since": moment.isoformat()}
    return Effected({"supplier": supplier.number, "iban": iban}, before, after)


def restore_account(call: Call, before: Values, after: Values) -> None:
    supplier = Supplier.lock_by_number(call.arguments["supplier"])
    written = supplier.compare_and_set(
        where={"iban": after["iban"]},
        iban=before["iban"],
        iban_since=dt.datetime.fromisoformat(before["iban_since"]),
        version=supplier.version + 1,
    )
    expect(written, "The account was changed again since.")


def expect(condition: bool, sentence: str) -> None:
    if not condition:
        raise Moved(sentence)


def unhold(call: Call, before: Values, after: Values) -> None:
    row = knowledge.document(call.arguments["document"])
    expect(row.status == after["status"], "The document is no longer held.")
    set_status(row, before["status"], note=before["note"])


PERFORM: dict[str, Callable[[Call], Effected]] = {
    "invoices.parse": parse,
    "invoices.validate": validate,
    "invoices.match": match,
    "invoices.hold": hold,
    "invoices.post": post,
    "payments.schedule": schedule,
    "suppliers.change_account": change_account,
}
UNDO: dict[str, Callable[[Call, Values, Values], None]] = {
    "invoices.hold": unhold,
    "invoices.post": unpost,
    "payments.schedule": unschedule,
    "suppliers.change_account": restore_account,
}
