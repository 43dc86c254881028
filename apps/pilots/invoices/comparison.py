"""An invoice beside what our books say, for the person who looks at it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from apps.common.units import in_unit
from apps.pilots.invoices import knowledge, ubl
from apps.pilots.invoices.models import DocumentStatus, InvoiceDocument, PurchaseOrder
from apps.runtime.toolbox import Rejected, Unavailable

MOST_LINES = 100
OF_LINE = re.compile(r"Line (\d+): (.*)", re.DOTALL)
# The codes of UN/ECE Recommendation 20 that most invoices use, in words.
UNITS = {
    "C62": "pieces",
    "H87": "pieces",
    "EA": "pieces",
    "XPP": "pieces",
    "KGM": "kg",
    "MTR": "m",
    "LTR": "l",
    "HUR": "hours",
    "DAY": "days",
    "MON": "months",
}
BOOKED = (DocumentStatus.POSTED, DocumentStatus.SCHEDULED)


@dataclass(frozen=True)
class Compared:
    """One thing as the document says it and as we know it; `fits` is None where nothing of ours
    stands against it."""

    label: str
    here: str
    ours: str
    fits: bool | None


@dataclass(frozen=True)
class Line:
    number: int
    name: str
    quantity: str
    price: str
    amount: str
    wrong: str


def compared(row: InvoiceDocument) -> list[Compared]:
    """Supplier, account, order and amount; empty for a file that could not be read."""
    if not row.kind:
        return []
    return [seller(row), account(row), *order(row)]


def seller(row: InvoiceDocument) -> Compared:
    here = ", ".join(filter(None, [row.supplier_name, row.supplier_vat])) or "not named"
    if row.supplier is None:
        return Compared("Supplier", here, "not in the master data", False)
    return Compared("Supplier", here, f"{row.supplier}, {row.supplier.vat_id}", True)


def account(row: InvoiceDocument) -> Compared:
    if row.supplier is None or not row.iban:
        return Compared("Account", printed(row.iban) or "none given", "", None)
    since = in_unit(knowledge.days_since(row.supplier.iban_since), "days", "")
    ours = f"{printed(row.supplier.iban)}, kept for {since}"
    return Compared("Account", printed(row.iban), ours, row.iban == row.supplier.iban)


def printed(iban: str) -> str:
    """In groups of four, as people compare them."""
    return " ".join(iban[start : start + 4] for start in range(0, len(iban), 4))


def order(row: InvoiceDocument) -> list[Compared]:
    found = knowledge.order_for(row)
    amount = in_unit(row.amount, "minor", row.currency) if row.amount is not None else "none given"
    if found is None:
        named = row.order_number or "none named"
        ours = "no order of this supplier" if row.supplier else ""
        fits = False if row.supplier else None
        return [Compared("Order", named, ours, fits), Compared("Amount", amount, "", None)]
    ordered = f"{found}, {in_unit(found.amount, 'minor', found.currency)}, {found.description}"
    return [
        Compared("Order", row.order_number, ordered, True),
        Compared("Amount", amount, *room(row, found)),
    ]


def room(row: InvoiceDocument, found: PurchaseOrder) -> tuple[str, bool]:
    """What the order leaves for this document, as it was before the document was booked."""
    amount = row.amount or 0
    if row.kind == "credit_note":
        before = found.invoiced + (amount if row.status in BOOKED else 0)
        return f"{in_unit(before, 'minor', found.currency)} invoiced so far", amount <= before
    booked = amount if row.status in BOOKED else 0
    left = found.amount - found.invoiced + booked
    there = found.received - found.invoiced + booked
    words = [
        f"{in_unit(left, 'minor', found.currency)} open on the order",
        f"{in_unit(there, 'minor', found.currency)} of it received",
    ]
    return ", ".join(words), amount <= min(left, there)


def lines(row: InvoiceDocument) -> tuple[list[Line], int]:
    """The first lines with what is wrong in each, and how many there are. None where the file
    cannot be read: why not stands on the page already."""
    try:
        document = knowledge.read(row)
    except (ubl.UnreadableInvoice, Rejected, Unavailable):
        return [], 0
    wrong: dict[int, list[str]] = {}
    for finding in row.findings:
        if found := OF_LINE.fullmatch(finding["sentence"]):
            wrong.setdefault(int(found[1]), []).append(found[2])
    every = document.lines
    shown = [
        line(number, node, " ".join(wrong.get(number, [])))
        for number, node in enumerate(every[:MOST_LINES], 1)
    ]
    return shown, len(every)


def line(number: int, node: ubl.Node, wrong: str) -> Line:
    counted = node.one("InvoicedQuantity") or node.one("CreditedQuantity")
    unit = counted.attribute("", "unitCode") if counted else ""
    quantity = f"{counted.text()} {UNITS.get(unit, unit)}" if counted else ""
    return Line(
        number=number,
        name=node.text("Item/Name")[:200],
        quantity=quantity[:40],
        price=node.text("Price/PriceAmount")[:40],
        amount=node.text("LineExtensionAmount")[:40],
        wrong=wrong,
    )


NEXT = {
    "unreadable": "Ask the sender for the document as UBL 2.1 XML.",
    "invalid": "Send it back with the sentences below; a corrected document starts anew.",
    "unknown_supplier": "If it claims to be somebody we know, ask them at an address we had before."
    " Otherwise have the supplier created, or send the invoice back.",
    "duplicate": "Nothing is paid twice. If it is a new invoice, ask for one with its own number.",
    "no_order": "Ask the supplier, or whoever ordered, for the number of the order.",
    "over_order": "Have the order raised, or ask the supplier for a credit note.",
    "not_received": "Book the receipt of the goods first; then let the invoice come in again.",
    "over_credit": "Ask the supplier which invoice is credited.",
    "mismatch": "Compare it once more with the order, or send it back.",
    "denied": "A policy forbids it; the run says which rule.",
    "rejected": "A person said no; the run says who and why.",
    "expired": "Nobody decided in time; let the invoice come in again, or decide outside.",
}


def advice(outcome: str) -> str:
    """What to do next about an invoice that ended so; "" when there is nothing to do."""
    return NEXT.get(outcome, "")
