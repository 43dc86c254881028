"""The rules that Peppol BIS Billing 3.0 adds to EN 16931, for documents that say they follow it.

Source: the public rules of Peppol BIS Billing 3.0 (UBL). No database, no clock.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal

from apps.pilots.invoices import codes, identifiers
from apps.pilots.invoices.en16931 import BUYER, SELLER, ZERO, exists, rounded
from apps.pilots.invoices.ubl import Document, Node, day

Check = Callable[[Document], Iterable[str]]
SPECIFICATION = "urn:cen.eu:en16931:2017#compliant#urn:fdc:peppol.eu:2017:poacc:billing:3.0"
PROCESS = re.compile(r"urn:fdc:peppol\.eu:2017:poacc:billing:([0-9]{2}):1\.0")
SLACK = Decimal("0.02")
DATES = ("IssueDate", "DueDate", "TaxPointDate", "StartDate", "EndDate", "ActualDeliveryDate")


def claimed(document: Document) -> bool:
    """Whether the document itself says that it follows Peppol; another is not judged by it."""
    return "urn:fdc:peppol.eu" in document.root.text("CustomizationID")


def words(text: str) -> frozenset[str]:
    return frozenset(text.split())


ALLOWANCE_REASONS = words("41 42 60 62 63 64 65 66 67 68 70 71 88 95 100 102 103 104 105")
CHARGE_REASONS = words(
    """
    AA AAA AAC AAD AAE AAF AAH AAI AAS AAT AAV AAY AAZ ABA ABB ABC ABD ABF ABK ABL ABN ABR ABS ABT
    ABU ACF ACG ACH ACI ACJ ACK ACL ACM ACS ADC ADE ADJ ADK ADL ADM ADN ADO ADP ADQ ADR ADT ADW ADY
    ADZ AEA AEB AEC AED AEF AEH AEI AEJ AEK AEL AEM AEN AEO AEP AES AET AEU AEV AEW AEX AEY AEZ AJ
    AU CA CAB CAD CAE CAF CAI CAJ CAK CAL CAM CAN CAO CAP CAQ CAR CAS CAT CAU CAV CAW CAX CAY CAZ
    CD CG CS CT DAB DAC DAD DAF DAG DAH DAI DAJ DAK DAL DAM DAN DAO DAP DAQ DL EG EP ER FAA FAB FAC
    FC FH FI GAA HAA HD HH IAA IAB ID IF IR IS KO L1 LA LAA LAB LF MAE MI ML NAA OA PA PAA PC PL
    RAB RAC RAD RAF RE RF RH RV SA SAA SAD SAE SAI SG SH SM SU TAB TAC TT TV V1 V2 WH XAA YY ZZZ
    """
)
ADDRESS_SCHEMES = words(
    """
    0002 0007 0009 0037 0060 0088 0096 0097 0106 0130 0135 0142 0147 0151 0154 0158 0170 0177 0183
    0184 0188 0190 0191 0192 0193 0194 0195 0196 0198 0199 0200 0201 0202 0203 0204 0205 0208 0209
    0210 0211 0212 0213 0215 0216 0217 0218 0219 0220 0221 0225 0230 0235 0240 0242 0244 0245 0246
    0248 9901 9907 9910 9913 9914 9915 9918 9919 9920 9922 9923 9924 9925 9926 9927 9928 9929 9930
    9931 9932 9933 9934 9935 9936 9937 9938 9939 9940 9941 9942 9943 9944 9945 9946 9947 9948 9949
    9950 9951 9952 9953 9957 9959
    """
)
INVOICE_TYPES = words(
    "71 80 82 84 102 218 219 326 331 380 382 383 384 386 388 393 395 553 575 623 780 817 870 875"
    " 876 877"
)
CREDIT_NOTE_TYPES = words("81 83 381 396 532")
# Which category of VAT a coded reason for exemption belongs to.
EXEMPTIONS = {
    "PEPPOL-EN16931-P0104": ("VATEX-EU-G", "G"),
    "PEPPOL-EN16931-P0105": ("VATEX-EU-O", "O"),
    "PEPPOL-EN16931-P0106": ("VATEX-EU-IC", "K"),
    "PEPPOL-EN16931-P0107": ("VATEX-EU-AE", "AE"),
    "PEPPOL-EN16931-P0108": ("VATEX-EU-D", "E"),
    "PEPPOL-EN16931-P0109": ("VATEX-EU-F", "E"),
    "PEPPOL-EN16931-P0110": ("VATEX-EU-I", "E"),
    "PEPPOL-EN16931-P0111": ("VATEX-EU-J", "E"),
}


# The document


def holds(condition: Callable[[Node], bool], sentence: str) -> Check:
    return lambda document: [] if condition(document.root) else [sentence]


def at_most_one(path: str, sentence: str) -> Check:
    return holds(lambda root: len(root.all(path)) <= 1, sentence)


def nothing_empty(document: Document) -> list[str]:
    found = dict.fromkeys(node.spoken for node in document.root.walk() if node.empty)
    return [f"The {name} is there, but empty." for name in list(found)[:5]]


def well_formed_dates(document: Document) -> list[str]:
    return [
        f"The {node.spoken} is {node.text() or 'empty'}, which is no date (YYYY-MM-DD)."
        for name in DATES
        for node in document.root.walk(name)
        if len(node.text()) != 10 or day(node.text()) is None
    ]


def type_fits(path: str, allowed: frozenset[str]) -> Check:
    def check(document: Document) -> list[str]:
        process = PROCESS.fullmatch(document.root.text("ProfileID"))
        if process is None or process[1] != "01":
            return []
        return codes.listed(document.root.all(path), allowed, "type of document that is accepted")

    return check


def one_project(document: Document) -> list[str]:
    projects = [
        node
        for node in document.root.all("AdditionalDocumentReference")
        if node.text("DocumentTypeCode") == "50"
    ]
    too_many = document.kind == "credit_note" and len(projects) > 1
    return ["More than one project is referred to."] if too_many else []


# VAT and currencies


def one_breakdown(document: Document) -> list[str]:
    broken_down = [total for total in document.root.all("TaxTotal") if total.one("TaxSubtotal")]
    found = len(broken_down)
    return [] if found == 1 else [f"There are {found} VAT breakdowns where there is to be one."]


def one_plain_total(document: Document) -> list[str]:
    root = document.root
    plain = [total for total in root.all("TaxTotal") if not total.one("TaxSubtotal")]
    wanted = 1 if root.has("TaxCurrencyCode") else 0
    if len(plain) == wanted:
        return []
    return [
        f"There are {len(plain)} VAT totals without a breakdown where there are to be {wanted}."
    ]


def other_currency(document: Document) -> list[str]:
    root = document.root
    same = root.has("TaxCurrencyCode") and root.text("TaxCurrencyCode") == document.currency
    return ["The currency for VAT is the document's own and is therefore not to be given."] * same


def same_sign(document: Document) -> list[str]:
    amounts = {
        total.attribute("TaxAmount", "currencyID"): total.amount("TaxAmount") or ZERO
        for total in document.root.all("TaxTotal")
    }
    own = amounts.get(document.currency, ZERO)
    other = amounts.get(document.root.text("TaxCurrencyCode"), ZERO)
    if own * other >= 0:
        return []
    return [f"The total VAT is {own} and, in the currency for VAT, {other}: one is negative."]


def one_currency(document: Document) -> list[str]:
    plain = {
        amount.element
        for total in document.root.all("TaxTotal")
        if not total.one("TaxSubtotal")
        for amount in total.all("TaxAmount")
    }
    wrong = {
        f"The {node.spoken} is in {currency}, but the document is in {document.currency}."
        for node in document.root.walk()
        if (currency := node.attribute("", "currencyID")) not in ("", document.currency)
        and node.element not in plain
    }
    return sorted(wrong)


def exemption_fits(code: str, category: str) -> Check:
    def check(document: Document) -> list[str]:
        return [
            f"The reason {code} belongs to VAT category {category}, but it says {node.text('ID')}."
            for node in document.root.walk("TaxCategory")
            if node.text("TaxExemptionReasonCode").upper() == code and node.text("ID") != category
        ]

    return check


# Allowances and charges


def allowances(document: Document) -> Iterator[tuple[str, Node]]:
    """Each allowance and charge of the document and its lines, with the words that name it."""
    owners = [("The document", document.root)]
    owners += [(f"Line {index}", line) for index, line in enumerate(document.lines, 1)]
    for place, owner in owners:
        for node in owner.all("AllowanceCharge"):
            kind = "charge" if node.text("ChargeIndicator") == "true" else "allowance"
            yield f"{place}: the {kind}", node


def of_allowances(wrong: Callable[[Node], str]) -> Check:
    """`wrong` ends the sentence about one allowance, "" when nothing is."""

    def check(document: Document) -> list[str]:
        found = ((where, wrong(node)) for where, node in allowances(document))
        return [f"{where} {ending}" for where, ending in found if ending]

    return check


def share_of_base(node: Node) -> str:
    share, base = node.amount("MultiplierFactorNumeric"), node.amount("BaseAmount")
    if share is None or base is None:
        return ""
    amount, expected = node.amount("Amount") or ZERO, base * share / 100
    if abs(amount - expected) <= SLACK:
        return ""
    return f"should be {share} % of {base}, {rounded(expected)}, but it says {amount}."


def base_given(node: Node) -> str:
    lacks = node.has("MultiplierFactorNumeric") and not node.has("BaseAmount")
    return "has a percentage, but not the amount that it is of." if lacks else ""


def share_given(node: Node) -> str:
    lacks = node.has("BaseAmount") and not node.has("MultiplierFactorNumeric")
    return "has an amount that it is a share of, but no percentage." if lacks else ""


def indicator(node: Node) -> str:
    told = node.text("ChargeIndicator") in ("true", "false")
    return "" if told else "does not say whether it is an allowance or a charge."


def reason_listed(kind: str, allowed: frozenset[str]) -> Callable[[Node], str]:
    def wrong(node: Node) -> str:
        if node.text("ChargeIndicator") != kind:
            return ""
        unknown = [
            reason.text()
            for reason in node.all("AllowanceChargeReasonCode")
            if reason.text() not in allowed
        ]
        return f"gives {', '.join(unknown)} as its reason, which is no such code." * bool(unknown)

    return wrong


# Lines


def of_lines(wrong: Callable[[Node], str]) -> Check:
    def check(document: Document) -> list[str]:
        found = ((index, wrong(line)) for index, line in enumerate(document.lines, 1))
        return [f"Line {index}: {ending}" for index, ending in found if ending]

    return check


def quantity_of(line: Node) -> Node | None:
    return line.one("InvoicedQuantity") or line.one("CreditedQuantity")


def line_amount(line: Node) -> str:
    """Quantity × price per base quantity, with the line's charges and allowances."""
    quantity = quantity_of(line)
    count = quantity.amount() if quantity is not None else None
    per = line.amount("Price/BaseQuantity") or Decimal(1)
    expected = (Decimal(1) if count is None else count) * (
        (line.amount("Price/PriceAmount") or ZERO) / per
    )
    for node in line.all("AllowanceCharge"):
        amount = rounded(node.amount("Amount") or ZERO)
        expected += amount if node.text("ChargeIndicator") == "true" else -amount
    stated = line.amount("LineExtensionAmount") or ZERO
    if abs(stated - expected) <= SLACK:
        return ""
    return f"quantity × price is {rounded(expected)}, but it says {stated}."


def base_quantity(line: Node) -> str:
    base = line.one("Price/BaseQuantity")
    number = base.amount() if base is not None else None
    wrong = base is not None and (number is None or number <= 0)
    return "the quantity that the price is for is not above zero." if wrong else ""


def same_unit(line: Node) -> str:
    quantity, unit = quantity_of(line), line.attribute("Price/BaseQuantity", "unitCode")
    if not unit or quantity is None or quantity.attribute("", "unitCode") == unit:
        return ""
    own = quantity.attribute("", "unitCode") or "no unit"
    return f"the price is per {unit}, but the quantity is in {own}."


def one_object(line: Node) -> str:
    return "more than one object is referred to." * (len(line.all("DocumentReference")) > 1)


def object_only(line: Node) -> str:
    found = line.all("DocumentReference")
    wrong = any(node.text("DocumentTypeCode") != "130" for node in found)
    return "the document referred to is not what is invoiced." if wrong else ""


def no_charge_on_price(line: Node) -> str:
    nodes = line.all("Price/AllowanceCharge")
    wrong = any(node.text("ChargeIndicator") != "false" for node in nodes)
    return "a price has a discount or none, never a charge." if wrong else ""


def net_price(line: Node) -> str:
    price = line.amount("Price/PriceAmount") or ZERO
    for node in line.all("Price/AllowanceCharge"):
        gross, less = node.amount("BaseAmount"), node.amount("Amount") or ZERO
        if gross is not None and price != gross - less:
            return f"the price should be {gross} - {less} = {gross - less}, but it says {price}."
    return ""


def within_period(name: str, outside: Callable[[str, str], bool], sentence: str) -> Check:
    def check(document: Document) -> list[str]:
        whole = document.root.text(f"InvoicePeriod/{name}")
        dates = [line.text(f"InvoicePeriod/{name}") for line in document.lines]
        return [
            f"Line {index}: {sentence}"
            for index, date in enumerate(dates, 1)
            if whole and date and outside(date, whole)
        ]

    return check


def mandate(document: Document) -> list[str]:
    return [
        "A direct debit is announced, but the mandate is not named."
        for means in document.root.all("PaymentMeans")
        if means.text("PaymentMeansCode") in ("49", "59") and not means.one("PaymentMandate/ID")
    ]


def address_schemes(document: Document) -> list[str]:
    return [
        f"{scheme} is no scheme of electronic addresses."
        for node in document.root.walk("EndpointID")
        if (scheme := node.attribute("", "schemeID")) and scheme not in ADDRESS_SCHEMES
    ]


def party_address(party: str, sentence: str) -> Check:
    """Asked of a party that is there; that it is there is asked by the standard."""
    there = exists(f"{party}/EndpointID", sentence)
    return lambda document: there(document) if document.root.one(party) else []


RULES: dict[str, Check] = {
    "PEPPOL-EN16931-R001": holds(
        lambda root: root.one("ProfileID") is not None, "The business process is missing."
    ),
    "PEPPOL-EN16931-R002": at_most_one("Note", "There is more than one note."),
    "PEPPOL-EN16931-R003": holds(
        lambda root: root.has("BuyerReference") or root.has("OrderReference/ID"),
        "Neither a buyer's reference nor an order is named.",
    ),
    "PEPPOL-EN16931-R004": holds(
        lambda root: root.text("CustomizationID").startswith(SPECIFICATION),
        "The specification named is not Peppol BIS Billing 3.0.",
    ),
    "PEPPOL-EN16931-R005": other_currency,
    "PEPPOL-EN16931-R007": holds(
        lambda root: PROCESS.fullmatch(root.text("ProfileID")) is not None,
        "The business process is not one of Peppol's billing processes.",
    ),
    "PEPPOL-EN16931-R008": nothing_empty,
    "PEPPOL-EN16931-R010": party_address(BUYER, "The buyer's electronic address is missing."),
    "PEPPOL-EN16931-R020": party_address(SELLER, "The seller's electronic address is missing."),
    "PEPPOL-EN16931-R040": of_allowances(share_of_base),
    "PEPPOL-EN16931-R041": of_allowances(base_given),
    "PEPPOL-EN16931-R042": of_allowances(share_given),
    "PEPPOL-EN16931-R043": of_allowances(indicator),
    "PEPPOL-EN16931-R044": of_lines(no_charge_on_price),
    "PEPPOL-EN16931-R046": of_lines(net_price),
    "PEPPOL-EN16931-R051": one_currency,
    "PEPPOL-EN16931-R053": one_breakdown,
    "PEPPOL-EN16931-R054": one_plain_total,
    "PEPPOL-EN16931-R055": same_sign,
    "PEPPOL-EN16931-R061": mandate,
    "PEPPOL-EN16931-R080": one_project,
    "PEPPOL-EN16931-R100": of_lines(one_object),
    "PEPPOL-EN16931-R101": of_lines(object_only),
    "PEPPOL-EN16931-R110": within_period(
        "StartDate", str.__lt__, "its period begins before the document's."
    ),
    "PEPPOL-EN16931-R111": within_period(
        "EndDate", str.__gt__, "its period ends after the document's."
    ),
    "PEPPOL-EN16931-R120": of_lines(line_amount),
    "PEPPOL-EN16931-R121": of_lines(base_quantity),
    "PEPPOL-EN16931-R130": of_lines(same_unit),
    "PEPPOL-EN16931-CL001": codes.attachments,
    "PEPPOL-EN16931-CL002": of_allowances(reason_listed("false", ALLOWANCE_REASONS)),
    "PEPPOL-EN16931-CL003": of_allowances(reason_listed("true", CHARGE_REASONS)),
    "PEPPOL-EN16931-CL006": codes.tax_point,
    "PEPPOL-EN16931-CL007": codes.amount_currencies,
    "PEPPOL-EN16931-CL008": address_schemes,
    "PEPPOL-EN16931-P0100": type_fits("InvoiceTypeCode", INVOICE_TYPES),
    "PEPPOL-EN16931-P0101": type_fits("CreditNoteTypeCode", CREDIT_NOTE_TYPES),
    **{rule: exemption_fits(*pair) for rule, pair in EXEMPTIONS.items()},
    "PEPPOL-EN16931-F001": well_formed_dates,
    **identifiers.RULES,
}
