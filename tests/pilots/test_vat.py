"""The VAT families, on a clean invoice that is changed in one place each time."""

from __future__ import annotations

import pytest

from apps.pilots.invoices import rulebook
from apps.pilots.invoices.generator import invoice
from apps.pilots.invoices.rulebook import validate
from apps.pilots.invoices.ubl import parse
from apps.pilots.invoices.vat import CATEGORIES, vat_rules
from tests.pilots.test_invoices import a_wanted


def fired(*changes: tuple[str, str]) -> set[str]:
    text = invoice(a_wanted()).decode()
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    return {finding.rule for finding in validate(parse(text.encode()))}


def test_a_clean_invoice_breaks_no_rule() -> None:
    assert fired() == set()


def test_there_is_a_family_of_rules_for_every_category() -> None:
    rules = vat_rules()
    assert len(CATEGORIES) == 9
    assert len(rules) == 9 * 10 + 6
    assert set(rules) <= set(rulebook.STANDARD)


STANDARD = "<cbc:ID>S</cbc:ID>"


@pytest.mark.parametrize(
    ("code", "rules"),
    [
        ("Z", {"BR-Z-05", "BR-Z-09"}),
        ("E", {"BR-E-05", "BR-E-09", "BR-E-10"}),
        ("AE", {"BR-AE-05", "BR-AE-09", "BR-AE-10"}),
        ("G", {"BR-G-05", "BR-G-09", "BR-G-10"}),
        ("K", {"BR-IC-05", "BR-IC-09", "BR-IC-10", "BR-IC-11", "BR-IC-12"}),
        ("O", {"BR-O-02", "BR-O-05", "BR-O-09", "BR-O-10"}),
    ],
)
def test_a_category_without_vat_has_none_and_says_why(code: str, rules: set[str]) -> None:
    found = fired((STANDARD, f"<cbc:ID>{code}</cbc:ID>"))
    assert rules <= found
    assert not {rule for rule in found if rule.startswith("BR-S-")}


def test_a_category_that_is_used_stands_in_the_breakdown() -> None:
    text = invoice(a_wanted()).decode()
    start = text.index("<cac:ClassifiedTaxCategory>")
    changed = text[:start] + text[start:].replace(STANDARD, "<cbc:ID>E</cbc:ID>", 1)
    found = {finding.rule for finding in validate(parse(changed.encode()))}
    assert "BR-E-01" in found
    assert "BR-S-08" in found


def test_an_unknown_category_is_told() -> None:
    assert "BR-CL-18" in fired((STANDARD, "<cbc:ID>Q</cbc:ID>"))


def test_a_reason_for_exemption_does_not_belong_to_what_is_taxed() -> None:
    reason = "<cbc:TaxExemptionReason>Because</cbc:TaxExemptionReason>"
    assert "BR-S-10" in fired(("<cac:TaxScheme>", reason + "<cac:TaxScheme>"))
