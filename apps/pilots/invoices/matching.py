"""Matching an invoice with what the back office knows; the answer is a word and a sentence."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from apps.common.units import in_unit
from apps.pilots.invoices import knowledge, likeness
from apps.pilots.invoices.models import InvoiceDocument, PurchaseOrder, Supplier

MOST_COMPARED = 2_000
Verdict = tuple[str, str]
OK: Verdict = ("ok", "Supplier, order, receipt and account fit.")


def matched(row: InvoiceDocument) -> Verdict:
    """ok, unknown_supplier, duplicate, no_order, over_order, not_received, over_credit or
    new_account, with a sentence that names the numbers on both sides."""
    return next(verdicts(row), OK)


def verdicts(row: InvoiceDocument) -> Iterator[Verdict]:
    """What does not fit, the worst first."""
    if row.supplier is None:
        yield "unknown_supplier", unknown(row)
        return
    if twin := knowledge.twin_of(row):
        yield "duplicate", came_before(twin)
    order = knowledge.order_for(row)
    if order is None:
        yield "no_order", without_order(row, row.supplier)
        return
    yield from amounts(row, known_order(order))
    if row.iban and row.iban != row.supplier.iban:
        days = knowledge.days_since(row.supplier.iban_since)
        yield "new_account", likeness.other_account(row.iban, row.supplier.iban, days)


def amounts(row: InvoiceDocument, order: likeness.KnownOrder) -> Iterator[Verdict]:
    amount, currency = row.amount or 0, row.currency
    if row.kind == "credit_note":
        if amount > order.invoiced:
            yield "over_credit", likeness.more_than_invoiced(amount, order, currency)
        return
    allowance = order.amount * knowledge.TOLERANCE_PERMILLE // 1000
    if amount > order.left + allowance:
        tolerance = knowledge.TOLERANCE_PERMILLE
        yield "over_order", likeness.more_than_ordered(amount, order, currency, tolerance)
    if amount > order.delivered + allowance:
        yield "not_received", likeness.not_received(amount, order, currency)


def unknown(row: InvoiceDocument) -> str:
    columns = Supplier.objects.order_by("name").values_list("number", "name", "vat_id")
    known = [likeness.KnownSupplier(*values) for values in columns[:MOST_COMPARED]]
    return likeness.unknown_seller(row.supplier_name, row.supplier_vat, known)


def came_before(twin: InvoiceDocument) -> str:
    told: Callable[[], str] = twin.get_status_display
    return (
        f"The same invoice came in already on {twin.received_at:%d %b %Y} ({twin.filename}): "
        f"{in_unit(twin.amount or 0, 'minor', twin.currency)}, {told().lower()}."
    )


def without_order(row: InvoiceDocument, supplier: Supplier) -> str:
    named = row.order_number
    if named and (other := PurchaseOrder.objects.filter(number=named).first()):
        return f"{named} is an order with {other.supplier}, not with {supplier}."
    rows = PurchaseOrder.objects.filter(supplier=supplier).order_by("-ordered_at")
    orders = [known_order(order) for order in rows[:MOST_COMPARED]]
    return likeness.missing_order(named, str(supplier), orders, row.amount or 0, row.currency)


def known_order(order: PurchaseOrder) -> likeness.KnownOrder:
    return likeness.KnownOrder(order.number, order.amount, order.invoiced, order.received)
