"""What Peppol adds, the code lists and the numbers with check digits: a clean invoice that is
changed in one place each time."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.pilots.invoices import identifiers, peppol
from apps.pilots.invoices.generator import invoice
from apps.pilots.invoices.rulebook import EVERY, STANDARD, Finding, validate
from apps.pilots.invoices.ubl import parse
from tests.pilots.test_invoices import a_wanted

PEPPOL = "#compliant#urn:fdc:peppol.eu:2017:poacc:billing:3.0"
LINE_END = "</cac:InvoiceLine>"
ITEM = "<cac:Item>"
PRICE_END = "</cac:Price>"


def findings(*changes: tuple[str, str]) -> list[Finding]:
    text = invoice(a_wanted()).decode()
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new, 1)
    return validate(parse(text.encode()))


def fired(*changes: tuple[str, str]) -> set[str]:
    return {finding.rule for finding in findings(*changes)}


def allowance(inner: str) -> tuple[str, str]:
    return (
        ITEM,
        f"<cac:AllowanceCharge>{inner}<cbc:Amount currencyID='EUR'>0</cbc:Amount>"
        f"</cac:AllowanceCharge>{ITEM}",
    )


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        (("<cbc:ProfileID>urn", "<cbc:ProfileID>xurn"), "PEPPOL-EN16931-R007"),
        (("billing:3.0<", "billing:4.0<"), "PEPPOL-EN16931-R004"),
        (("<cbc:ID>PO-1</cbc:ID>", "<cbc:ID/>"), "PEPPOL-EN16931-R003"),
        (("<cbc:ID>PO-1</cbc:ID>", "<cbc:ID/>"), "PEPPOL-EN16931-R008"),
        ((">380<", ">999<"), "PEPPOL-EN16931-P0100"),
        (("-11-01<", "-11-31<"), "PEPPOL-EN16931-F001"),
        (('schemeID="0088"', 'schemeID="EM"'), "PEPPOL-EN16931-CL008"),
        ((">7300010000001<", ">7300010000002<"), "PEPPOL-COMMON-R040"),
        ((">30</cbc:PaymentMeansCode>", ">59</cbc:PaymentMeansCode>"), "PEPPOL-EN16931-R061"),
        (('unitCode="C62">1<', 'unitCode="C62">2<'), "PEPPOL-EN16931-R120"),
        (
            (PRICE_END, f"<cbc:BaseQuantity>0</cbc:BaseQuantity>{PRICE_END}"),
            "PEPPOL-EN16931-R121",
        ),
        (
            (PRICE_END, f"<cbc:BaseQuantity unitCode='KGM'>1</cbc:BaseQuantity>{PRICE_END}"),
            "PEPPOL-EN16931-R130",
        ),
        (allowance("<cbc:ChargeIndicator>1</cbc:ChargeIndicator>"), "PEPPOL-EN16931-R043"),
        (
            allowance(
                "<cbc:ChargeIndicator>true</cbc:ChargeIndicator>"
                "<cbc:AllowanceChargeReasonCode>Q</cbc:AllowanceChargeReasonCode>"
            ),
            "PEPPOL-EN16931-CL003",
        ),
        (
            allowance(
                "<cbc:ChargeIndicator>false</cbc:ChargeIndicator>"
                "<cbc:MultiplierFactorNumeric>10</cbc:MultiplierFactorNumeric>"
                "<cbc:BaseAmount currencyID='EUR'>50</cbc:BaseAmount>"
            ),
            "PEPPOL-EN16931-R040",
        ),
        (("PartyLegalEntity>", "PartyLegalEntity >"), ""),
        (("<cbc:IdentificationCode>DE", "<cbc:IdentificationCode>QQ"), "BR-CL-14"),
        ((">EUR</cbc:Doc", ">EXR</cbc:Doc"), "BR-CL-04"),
        (('currencyID="EUR"', 'currencyID="EXR"'), "BR-CL-03"),
        (('currencyID="EUR"', 'currencyID="SEK"'), "PEPPOL-EN16931-R051"),
    ],
)
def test_one_wrong_place_breaks_its_rule(change: tuple[str, str], rule: str) -> None:
    found = findings(change)
    assert (rule in {finding.rule for finding in found}) == bool(rule)
    assert all(finding.sentence.endswith(".") for finding in found)


def test_a_document_that_does_not_name_peppol_is_judged_by_the_standard_alone() -> None:
    plain = ((PEPPOL, ""), ("<cbc:ID>PO-1</cbc:ID>", "<cbc:ID/>"))
    assert "PEPPOL-EN16931-R003" in fired(*plain[1:])
    assert fired(*plain) == set()


def test_what_two_rules_say_in_the_same_words_is_told_once() -> None:
    sentences = [finding.sentence for finding in findings(('currencyID="EUR"', 'currencyID="EXR"'))]
    assert len(sentences) == len(set(sentences))
    assert any("EXR, which is no currency" in sentence for sentence in sentences)


def test_a_price_and_its_quantity_are_told_with_the_numbers() -> None:
    found = findings(('unitCode="C62">1<', 'unitCode="C62">3<'))
    assert [finding.sentence for finding in found] == [
        "Line 1: quantity × price is 300.00, but it says 100.00."
    ]


def test_a_badly_formed_italian_number_only_warns() -> None:
    found = findings(
        ('schemeID="0088">7300010000001', 'schemeID="0211">IT1'),
    )
    assert [(finding.rule, finding.warning) for finding in found] == [("PEPPOL-COMMON-R047", True)]


def test_only_what_is_invoiced_names_a_scheme() -> None:
    reference = (
        "<cac:AdditionalDocumentReference><cbc:ID schemeID='ABT'>7</cbc:ID>{}"
        "</cac:AdditionalDocumentReference>"
    )
    place = "<cac:PaymentMeans>"
    typed = "<cbc:DocumentTypeCode>130</cbc:DocumentTypeCode>"
    assert fired((place, reference.format("") + place)) == {"UBL-SR-43"}
    assert fired((place, reference.format(typed) + place)) == set()


def test_the_rule_books_share_no_rule() -> None:
    assert not set(STANDARD) & set(peppol.RULES)
    assert set(EVERY) == set(STANDARD) | set(peppol.RULES)


NUMBERS = {
    "0088": "7300010000001",
    "0192": "974760673",
    "0184": "DK12345674",
    "0208": "0202239951",
    "0201": "ABC123",
    "0210": "RSSMRA85T10A562S",
    "9907": "12345678901",
    "0211": "IT12345670017",
    "0007": "5560360793",
    "0151": "51824753556",
}


@pytest.mark.parametrize("scheme", identifiers.SCHEMES, ids=lambda scheme: scheme.code)
def test_a_good_number_is_known_and_a_cut_or_padded_one_is_not(
    scheme: identifiers.Scheme,
) -> None:
    good = NUMBERS[scheme.code]
    assert scheme.valid(good)
    assert not scheme.valid(good[:-1])
    assert not scheme.valid(f"{good}x1")
    assert not scheme.valid("") or scheme.code == "0211"


@given(st.text(max_size=20))
def test_no_text_whatever_breaks_a_check(text: str) -> None:
    for scheme in identifiers.SCHEMES:
        assert scheme.valid(text) in (True, False)


@pytest.mark.parametrize("code", ["0088", "0192", "0208", "0007", "0151"])
@given(at=st.integers(0, 30), more=st.integers(1, 9))
def test_one_wrong_digit_is_noticed(code: str, at: int, more: int) -> None:
    scheme = next(scheme for scheme in identifiers.SCHEMES if scheme.code == code)
    good = NUMBERS[code]
    at %= len(good)
    wrong = good[:at] + str((int(good[at]) + more) % 10) + good[at + 1 :]
    assert not scheme.valid(wrong)
