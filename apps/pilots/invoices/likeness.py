"""What almost fits, in words. A near miss is told to the person who looks at it, and is never
taken for a match. No database, no clock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from apps.common.units import in_unit
from apps.pilots.invoices.checks import iban_valid

NEAR = 0.75
FEW_CHARACTERS = 2


@dataclass(frozen=True)
class KnownSupplier:
    number: str
    name: str
    vat_id: str


@dataclass(frozen=True)
class KnownOrder:
    """An order as far as an invoice can touch it; amounts in minor units."""

    number: str
    amount: int
    invoiced: int
    received: int

    @property
    def left(self) -> int:
        return self.amount - self.invoiced

    @property
    def delivered(self) -> int:
        """Received and not yet invoiced."""
        return self.received - self.invoiced


def nearest(text: str, candidates: Sequence[str]) -> str:
    """The candidate most like the text; "" when none is near."""
    likeness = {
        candidate: SequenceMatcher(None, text.lower(), candidate.lower()).ratio()
        for candidate in candidates
    }
    best = max(likeness, key=lambda candidate: likeness[candidate], default="")
    return best if likeness.get(best, 0) >= NEAR else ""


def unknown_seller(name: str, vat_id: str, known: Sequence[KnownSupplier]) -> str:
    """Why a seller is nobody whom we know, and whom it may be taken for."""
    by_name = {supplier.name.lower(): supplier for supplier in known}
    number = f"VAT number {vat_id}" if vat_id else "no VAT number"
    if same := by_name.get(name.lower()):
        return (
            f"The name is that of {same.name} ({same.number}), but with {number}; "
            f"theirs is {same.vat_id}."
        )
    sentence = f"{name or 'The seller'}, with {number}, is not a known supplier."
    if near := by_name.get(nearest(name.lower(), list(by_name))):
        sentence += (
            f" The nearest known name is {near.name} ({near.number}), VAT number {near.vat_id}."
        )
    return sentence


def missing_order(
    named: str, supplier: str, orders: Sequence[KnownOrder], amount: int, currency: str
) -> str:
    """Why no order fits, and which of the supplier's open ones comes near."""
    sentence = f"{supplier} has no order {named}." if named else "The invoice names no order."
    numbers = {order.number: order for order in orders}
    if near := numbers.get(nearest(named, list(numbers)) if named else ""):
        left = in_unit(near.left, "minor", currency)
        return f"{sentence} The nearest number is {near.number}, with {left} still open."
    exact = [order.number for order in orders if order.left == amount]
    if exact:
        return f"{sentence} Open with exactly this amount: {', '.join(exact[:3])}."
    return sentence


def more_than_ordered(
    amount: int, order: KnownOrder, currency: str, tolerance_permille: int
) -> str:
    asked, left = (in_unit(value, "minor", currency) for value in (amount, order.left))
    if order.left <= 0:
        return f"{order.number} is invoiced in full already; this asks for {asked} more."
    over = in_unit(amount - order.left, "minor", currency)
    share = in_unit((amount - order.left) * 1000 // max(1, order.amount), "permille", "")
    allowed = in_unit(tolerance_permille, "permille", "")
    return (
        f"{asked} is {over} ({share} of the order) more than the {left} still open on "
        f"{order.number}; up to {allowed} is tolerated."
    )


def not_received(amount: int, order: KnownOrder, currency: str) -> str:
    asked, there = (in_unit(value, "minor", currency) for value in (amount, order.delivered))
    return (
        f"{asked} is asked for, but of {order.number} only {there} has been received and not yet "
        "invoiced."
    )


def more_than_invoiced(amount: int, order: KnownOrder, currency: str) -> str:
    asked, there = (in_unit(value, "minor", currency) for value in (amount, order.invoiced))
    return f"{asked} is credited, but only {there} has been invoiced on {order.number}."


def other_account(iban: str, known: str, days: int) -> str:
    """How an account differs from the one in the master data."""
    since = in_unit(days, "days", "")
    sentence = f"The account {iban} is not the one in the master data, {known}, kept for {since}."
    differing = sum(a != b for a, b in zip(iban, known, strict=False))
    if len(iban) == len(known) and differing <= FEW_CHARACTERS:
        places = "one character" if differing == 1 else f"{differing} characters"
        sentence += f" They differ in {places} only."
    return sentence if iban_valid(iban) else f"{sentence} It is no valid IBAN."
