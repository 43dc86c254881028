"""Near misses are told in words, with the numbers on both sides."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.pilots.invoices import likeness
from apps.pilots.invoices.checks import iban_of
from apps.pilots.invoices.likeness import KnownOrder, KnownSupplier

KNOWN = (
    KnownSupplier("V1", "Alder Logistics", "DE123"),
    KnownSupplier("V2", "Cedar Metals", "PT9"),
)
ORDER = KnownOrder("PO-26010", amount=500_000, invoiced=100_000, received=300_000)
MASTER = iban_of("DE", "370400440532013000")


@pytest.mark.parametrize(
    ("name", "vat_id", "words"),
    [
        ("Alder Logistics", "NL7", "The name is that of Alder Logistics (V1), but with VAT number"),
        ("Alder Logistic", "NL7", "The nearest known name is Alder Logistics (V1)"),
        ("Brightwater Consulting", "NL7", "VAT number NL7, is not a known supplier."),
        ("", "", "The seller, with no VAT number, is not a known supplier."),
    ],
)
def test_an_unknown_seller_is_told_with_whom_it_may_be_taken_for(
    name: str, vat_id: str, words: str
) -> None:
    assert words in likeness.unknown_seller(name, vat_id, KNOWN)


@pytest.mark.parametrize(
    ("named", "amount", "words"),
    [
        ("PO-26001", 7, "nearest number is PO-26010, with EUR 4,000.00 still open"),
        ("", 400_000, "names no order. Open with exactly this amount: PO-26010."),
        ("", 7, "The invoice names no order."),
        ("nothing like it", 7, "Alder has no order nothing like it."),
    ],
)
def test_a_missing_order_is_told_with_the_one_that_comes_near(
    named: str, amount: int, words: str
) -> None:
    assert words in likeness.missing_order(named, "Alder", [ORDER], amount, "EUR")


def test_an_amount_is_told_with_what_is_open_and_what_is_tolerated() -> None:
    assert likeness.more_than_ordered(415_000, ORDER, "EUR", 20) == (
        "EUR 4,150.00 is EUR 150.00 (3 % of the order) more than the EUR 4,000.00 still open on "
        "PO-26010; up to 2 % is tolerated."
    )
    full = KnownOrder("PO-1", 100, 100, 100)
    assert "invoiced in full already" in likeness.more_than_ordered(5, full, "EUR", 20)
    assert "only EUR 2,000.00 has been received" in likeness.not_received(300_000, ORDER, "EUR")
    assert "only EUR 1,000.00 has been invoiced" in likeness.more_than_invoiced(
        200_000, ORDER, "EUR"
    )


def test_an_account_that_differs_in_one_character_looks_like_a_typing_error() -> None:
    wrong = MASTER[:-1] + str((int(MASTER[-1]) + 1) % 10)
    told = likeness.other_account(wrong, MASTER, 412)
    assert "kept for 412 days" in told
    assert "differ in one character only" in told
    assert told.endswith("It is no valid IBAN.")
    other = iban_of("DE", "370400440000000001")
    assert "differ" not in likeness.other_account(other, MASTER, 1)


@given(st.text(max_size=40), st.lists(st.text(max_size=40), max_size=8))
def test_what_is_nearest_is_one_of_the_candidates_or_nothing(text: str, names: list[str]) -> None:
    assert likeness.nearest(text, names) in {*names, ""}


@given(st.text(min_size=1, max_size=40))
def test_what_is_the_same_is_near(text: str) -> None:
    assert likeness.nearest(text, [text]) == text
