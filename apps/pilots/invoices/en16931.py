"""The EN 16931 business rules that triage needs, each saying in words what is wrong.

Source: EN 16931-1:2017 and its public validation artefacts. A rule is a function from a document
to the sentences of its violations; the table at the end names them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import ROUND_HALF_UP, Decimal

from apps.pilots.invoices.ubl import Document, Node

CENT = Decimal("0.01")
ZERO = Decimal(0)
Check = Callable[[Document], Iterable[str]]
SELLER = "AccountingSupplierParty/Party"
BUYER = "AccountingCustomerParty/Party"
TOTALS = "LegalMonetaryTotal"


def needs(path: str, sentence: str) -> Check:
    """The document must have a text at the path."""
    return lambda document: [] if document.root.has(path) else [sentence]


def exists(path: str, sentence: str) -> Check:
    return lambda document: [] if document.root.one(path) else [sentence]


def each(context: str, path: str, sentence: str) -> Check:
    """Every element of the context must have a text at the path."""

    def check(document: Document) -> list[str]:
        return [sentence for node in document.root.all(context) if not node.has(path)]

    return check


def each_line(path: str, sentence: str) -> Check:
    def check(document: Document) -> list[str]:
        return [
            f"Line {index}: {sentence}"
            for index, line in enumerate(document.lines, 1)
            if not line.has(path)
        ]

    return check


def rounded(amount: Decimal) -> Decimal:
    return amount.quantize(CENT, ROUND_HALF_UP)


def at_least_one_line(document: Document) -> list[str]:
    return [] if document.lines else ["The document has no line."]


def quantity(document: Document) -> list[str]:
    paths = ("InvoicedQuantity", "CreditedQuantity")
    return [
        f"Line {index}: the quantity is missing."
        for index, line in enumerate(document.lines, 1)
        if not any(line.has(path) for path in paths)
    ]


def unit(document: Document) -> list[str]:
    found = []
    for index, line in enumerate(document.lines, 1):
        for path in ("InvoicedQuantity", "CreditedQuantity"):
            if line.has(path) and not line.attribute(path, "unitCode"):
                found.append(f"Line {index}: the quantity has no unit.")
    return found


def price_not_negative(document: Document) -> list[str]:
    found = []
    for index, line in enumerate(document.lines, 1):
        price = line.amount("Price/PriceAmount")
        if price is not None and price < 0:
            found.append(f"Line {index}: the price is negative ({price}).")
    return found


def lines_sum(document: Document) -> list[str]:
    stated = document.root.amount(f"{TOTALS}/LineExtensionAmount")
    if stated is None or not document.lines:
        return []
    total = sum((line.amount("LineExtensionAmount") or ZERO for line in document.lines), ZERO)
    if rounded(total) == rounded(stated):
        return []
    return [f"The lines add up to {rounded(total)}, but the document says {stated}."]


def charges(document: Document, indicator: str) -> Decimal:
    found = ZERO
    for node in document.root.all("AllowanceCharge"):
        if node.text("ChargeIndicator") == indicator:
            found += node.amount("Amount") or ZERO
    return found


def charge_total(name: str, indicator: str, word: str) -> Check:
    def check(document: Document) -> list[str]:
        stated = document.root.amount(f"{TOTALS}/{name}") or ZERO
        total = charges(document, indicator)
        if rounded(total) == rounded(stated):
            return []
        return [f"The {word} add up to {rounded(total)}, but the document says {stated}."]

    return check


def without_vat(document: Document) -> list[str]:
    root = document.root
    stated = root.amount(f"{TOTALS}/TaxExclusiveAmount")
    lines = root.amount(f"{TOTALS}/LineExtensionAmount")
    if stated is None or lines is None:
        return []
    less = root.amount(f"{TOTALS}/AllowanceTotalAmount") or ZERO
    more = root.amount(f"{TOTALS}/ChargeTotalAmount") or ZERO
    if rounded(lines - less + more) == rounded(stated):
        return []
    return [f"The total without VAT should be {rounded(lines - less + more)}, it says {stated}."]


def vat_in_document_currency(document: Document) -> list[Node]:
    currency = document.root.text("DocumentCurrencyCode")
    return [
        total
        for total in document.root.all("TaxTotal")
        if not currency or total.attribute("TaxAmount", "currencyID") in ("", currency)
    ]


def vat_breakdown_sum(document: Document) -> list[str]:
    found = []
    for total in vat_in_document_currency(document):
        parts = total.all("TaxSubtotal")
        stated = total.amount("TaxAmount")
        if not parts or stated is None:
            continue
        summed = sum((part.amount("TaxAmount") or ZERO for part in parts), ZERO)
        if rounded(summed) != rounded(stated):
            found.append(f"The VAT lines add up to {rounded(summed)}, but it says {stated}.")
    return found


def with_vat(document: Document) -> list[str]:
    root = document.root
    exclusive = root.amount(f"{TOTALS}/TaxExclusiveAmount")
    inclusive = root.amount(f"{TOTALS}/TaxInclusiveAmount")
    if exclusive is None or inclusive is None:
        return []
    totals = vat_in_document_currency(document)
    if len({total.amount("TaxAmount") for total in totals}) > 1:
        return ["The total VAT is given twice, with different amounts."]
    vat = totals[0].amount("TaxAmount") if totals else ZERO
    if rounded(exclusive + (vat or ZERO)) == rounded(inclusive):
        return []
    expected = rounded(exclusive + (vat or ZERO))
    return [f"The total with VAT should be {expected}, but the document says {inclusive}."]


def payable(document: Document) -> list[str]:
    root = document.root
    inclusive = root.amount(f"{TOTALS}/TaxInclusiveAmount")
    stated = root.amount(f"{TOTALS}/PayableAmount")
    if inclusive is None or stated is None:
        return []
    paid = root.amount(f"{TOTALS}/PrepaidAmount") or ZERO
    rounding = root.amount(f"{TOTALS}/PayableRoundingAmount") or ZERO
    expected = rounded(inclusive - paid + rounding)
    if expected == rounded(stated):
        return []
    return [f"The amount to pay should be {expected}, but the document says {stated}."]


def vat_amount(document: Document) -> list[str]:
    """BR-CO-17: taxable × rate, rounded, with the tolerance of one of the official artefacts."""
    found = []
    for total in document.root.all("TaxTotal"):
        for part in total.all("TaxSubtotal"):
            taxable, rate = part.amount("TaxableAmount"), part.amount("TaxCategory/Percent")
            stated = part.amount("TaxAmount")
            if taxable is None or stated is None or rate is None:
                continue
            expected = rounded(abs(taxable) * rate / 100)
            if abs(expected - abs(stated)) >= 1:
                found.append(f"{rate} % VAT of {taxable} is {expected}, but it says {stated}.")
    return found


def breakdown_exists(document: Document) -> list[str]:
    parts = [part for total in document.root.all("TaxTotal") for part in total.all("TaxSubtotal")]
    return [] if parts else ["There is no VAT breakdown."]


def vat_id_prefix(document: Document) -> list[str]:
    found = []
    for party in (SELLER, BUYER, "TaxRepresentativeParty"):
        for scheme in document.root.all(f"{party}/PartyTaxScheme"):
            number = scheme.text("CompanyID")
            if scheme.text("TaxScheme/ID") == "VAT" and not number[:2].isalpha():
                found.append(f"The VAT number {number} does not begin with a country.")
    return found


def due_or_terms(document: Document) -> list[str]:
    amount = document.payable
    root = document.root
    if amount is None or amount <= 0 or root.has("DueDate") or root.has("PaymentTerms/Note"):
        return []
    if root.has("PaymentMeans/PaymentDueDate"):
        return []
    return ["Something is to be paid, but neither a due date nor payment terms are given."]


def identifiable_seller(document: Document) -> list[str]:
    root = document.root
    paths = ("PartyIdentification/ID", "PartyLegalEntity/CompanyID", "PartyTaxScheme/CompanyID")
    if any(root.has(f"{SELLER}/{path}") for path in paths):
        return []
    return ["The seller has no identifier, registration or VAT number."]


def reason_given(context: str, indicator: str, sentence: str) -> Check:
    """Every allowance (or charge) of the context says why, in words or by a code."""

    def check(document: Document) -> list[str]:
        return [
            sentence
            for node in allowances(document, context, indicator)
            if not node.has("AllowanceChargeReason") and not node.has("AllowanceChargeReasonCode")
        ]

    return check


def allowance_has(context: str, indicator: str, path: str, sentence: str) -> Check:
    def check(document: Document) -> list[str]:
        found = allowances(document, context, indicator)
        return [sentence for node in found if not node.has(path)]

    return check


def allowances(document: Document, context: str, indicator: str) -> list[Node]:
    owners = document.lines if context == "line" else [document.root]
    return [
        node
        for owner in owners
        for node in owner.all("AllowanceCharge")
        if node.text("ChargeIndicator") == indicator
    ]


def attribute_given(context: str, path: str, name: str, sentence: str) -> Check:
    """Where the path has a text, it carries the attribute."""

    def check(document: Document) -> list[str]:
        owners = document.lines if context == "line" else document.root.all(context)
        nodes = [node for owner in owners for node in owner.all(path)]
        return [sentence for node in nodes if node.text() and not node.attribute("", name)]

    return check


def vat_in_tax_currency(document: Document) -> list[str]:
    currency = document.root.text("TaxCurrencyCode")
    totals = document.root.all("TaxTotal")
    if not currency or any(t.attribute("TaxAmount", "currencyID") == currency for t in totals):
        return []
    return [f"The total VAT in {currency}, the currency for VAT, is missing."]


def representative_number(document: Document) -> list[str]:
    return [
        "The tax representative has no VAT number."
        for party in document.root.all("TaxRepresentativeParty")
        if not any(
            scheme.text("TaxScheme/ID") == "VAT" and scheme.has("CompanyID")
            for scheme in party.all("PartyTaxScheme")
        )
    ]


def one_tax_point(document: Document) -> list[str]:
    both = document.root.has("TaxPointDate") and document.root.has("InvoicePeriod/DescriptionCode")
    return ["The tax point is given as a date and as a code; one of them is too much."] * both


def scheme_of_supporting_document(document: Document) -> list[str]:
    """Only what is invoiced (130) or a project (50) is named by a scheme."""
    return [
        f"Supporting document {node.text('ID')} names a scheme, which only an invoiced object may."
        for node in document.root.all("AdditionalDocumentReference")
        if node.attribute("ID", "schemeID") and node.text("DocumentTypeCode") not in ("130", "50")
    ]


def account_for_transfer(document: Document) -> list[str]:
    found = []
    for means in document.root.all("PaymentMeans"):
        transfer = means.text("PaymentMeansCode") in ("30", "58")
        if transfer and not means.has("PayeeFinancialAccount/ID"):
            found.append("A bank transfer is asked for, but no account is given.")
    return found


def period(path: str) -> Check:
    def check(document: Document) -> list[str]:
        nodes = [node for line in document.lines for node in line.all(path)]
        nodes = document.root.all(path) if path == "InvoicePeriod" and not nodes else nodes
        return [
            "A period ends before it begins."
            for node in nodes
            if node.has("StartDate") and node.has("EndDate")
            and node.text("EndDate") < node.text("StartDate")
        ]  # fmt: skip

    return check


RULES: dict[str, Check] = {
    "BR-01": needs("CustomizationID", "The specification identifier is missing."),
    "BR-02": needs("ID", "The number is missing."),
    "BR-03": needs("IssueDate", "The issue date is missing."),
    "BR-04": lambda document: (
        []
        if document.root.has("InvoiceTypeCode") or document.root.has("CreditNoteTypeCode")
        else ["The type code is missing."]
    ),
    "BR-05": needs("DocumentCurrencyCode", "The currency is missing."),
    "BR-06": needs(f"{SELLER}/PartyLegalEntity/RegistrationName", "The seller's name is missing."),
    "BR-07": needs(f"{BUYER}/PartyLegalEntity/RegistrationName", "The buyer's name is missing."),
    "BR-08": exists(f"{SELLER}/PostalAddress", "The seller's address is missing."),
    "BR-09": needs(
        f"{SELLER}/PostalAddress/Country/IdentificationCode", "The seller's country is missing."
    ),
    "BR-10": exists(f"{BUYER}/PostalAddress", "The buyer's address is missing."),
    "BR-11": needs(
        f"{BUYER}/PostalAddress/Country/IdentificationCode", "The buyer's country is missing."
    ),
    "BR-12": needs(f"{TOTALS}/LineExtensionAmount", "The sum of the lines is missing."),
    "BR-13": needs(f"{TOTALS}/TaxExclusiveAmount", "The total without VAT is missing."),
    "BR-14": needs(f"{TOTALS}/TaxInclusiveAmount", "The total with VAT is missing."),
    "BR-15": needs(f"{TOTALS}/PayableAmount", "The amount to pay is missing."),
    "BR-16": at_least_one_line,
    "BR-17": lambda document: [
        "The payee's name is missing."
        for payee in document.root.all("PayeeParty")
        if not payee.has("PartyName/Name")
    ],
    "BR-21": each_line("ID", "it has no number."),
    "BR-22": quantity,
    "BR-23": unit,
    "BR-24": each_line("LineExtensionAmount", "its amount is missing."),
    "BR-25": each_line("Item/Name", "the item has no name."),
    "BR-26": each_line("Price/PriceAmount", "the price is missing."),
    "BR-27": price_not_negative,
    "BR-29": period("InvoicePeriod"),
    "BR-45": each("TaxTotal/TaxSubtotal", "TaxableAmount", "A VAT line has no taxable amount."),
    "BR-46": each("TaxTotal/TaxSubtotal", "TaxAmount", "A VAT line has no amount."),
    "BR-47": each("TaxTotal/TaxSubtotal", "TaxCategory/ID", "A VAT line has no category."),
    "BR-49": each("PaymentMeans", "PaymentMeansCode", "The means of payment has no code."),
    "BR-50": account_for_transfer,
    "BR-CO-09": vat_id_prefix,
    "BR-CO-10": lines_sum,
    "BR-CO-11": charge_total("AllowanceTotalAmount", "false", "allowances"),
    "BR-CO-12": charge_total("ChargeTotalAmount", "true", "charges"),
    "BR-CO-13": without_vat,
    "BR-CO-14": vat_breakdown_sum,
    "BR-CO-15": with_vat,
    "BR-CO-16": payable,
    "BR-CO-17": vat_amount,
    "BR-CO-18": breakdown_exists,
    "BR-CO-25": due_or_terms,
    "BR-CO-26": identifiable_seller,
    "BR-20": each(
        "TaxRepresentativeParty/PostalAddress",
        "Country/IdentificationCode",
        "The tax representative's country is missing.",
    ),
    "BR-31": allowance_has("document", "false", "Amount", "An allowance has no amount."),
    "BR-32": allowance_has("document", "false", "TaxCategory/ID", "An allowance has no VAT code."),
    "BR-33": reason_given("document", "false", "An allowance has no reason."),
    "BR-36": allowance_has("document", "true", "Amount", "A charge has no amount."),
    "BR-37": allowance_has("document", "true", "TaxCategory/ID", "A charge has no VAT code."),
    "BR-38": reason_given("document", "true", "A charge has no reason."),
    "BR-41": allowance_has("line", "false", "Amount", "An allowance of a line has no amount."),
    "BR-42": reason_given("line", "false", "An allowance of a line has no reason."),
    "BR-43": allowance_has("line", "true", "Amount", "A charge of a line has no amount."),
    "BR-44": reason_given("line", "true", "A charge of a line has no reason."),
    "BR-53": vat_in_tax_currency,
    "BR-56": representative_number,
    "BR-62": attribute_given(
        SELLER, "EndpointID", "schemeID", "The seller's electronic address has no scheme."
    ),
    "BR-63": attribute_given(
        BUYER, "EndpointID", "schemeID", "The buyer's electronic address has no scheme."
    ),
    "BR-64": attribute_given(
        "line", "Item/StandardItemIdentification/ID", "schemeID", "An item number has no scheme."
    ),
    "BR-65": attribute_given(
        "line",
        "Item/CommodityClassification/ItemClassificationCode",
        "listID",
        "A classification of an item has no list.",
    ),
    "BR-CO-03": one_tax_point,
    "BR-CO-21": reason_given("document", "false", "An allowance has no reason."),
    "BR-CO-22": reason_given("document", "true", "A charge has no reason."),
    "BR-CO-23": reason_given("line", "false", "An allowance of a line has no reason."),
    "BR-CO-24": reason_given("line", "true", "A charge of a line has no reason."),
    "UBL-SR-43": scheme_of_supporting_document,
}
