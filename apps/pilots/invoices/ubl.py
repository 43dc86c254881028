"""Safe reading of UBL 2.1 invoices and credit notes (EN 16931): bytes in, facts out.

No entity expansion, no external reference, bounded size and depth. Missing elements stay empty:
the rules say what is missing, the parser does not.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import cached_property
from xml.etree.ElementTree import Element, ParseError, TreeBuilder  # noqa: S405 - no parser

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser

LARGEST = 5 * 1024 * 1024
MOST_ELEMENTS = 200_000
DEEPEST = 64
LONG_TAG = re.compile(rb"<[^<>!?][^<>]{65536}")
CAC = "{urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2}"
CBC = "{urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2}"
ROOTS = {
    "{urn:oasis:names:specification:ubl:schema:xsd:Invoice-2}Invoice": "invoice",
    "{urn:oasis:names:specification:ubl:schema:xsd:CreditNote-2}CreditNote": "credit_note",
}
AGGREGATES = frozenset(
    [
        "AccountingSupplierParty",
        "AccountingCustomerParty",
        "Party",
        "PartyName",
        "PartyTaxScheme",
        "TaxScheme",
        "PartyLegalEntity",
        "PartyIdentification",
        "PostalAddress",
        "Country",
        "PaymentMeans",
        "PayeeFinancialAccount",
        "LegalMonetaryTotal",
        "TaxTotal",
        "TaxSubtotal",
        "TaxCategory",
        "InvoiceLine",
        "CreditNoteLine",
        "Item",
        "Price",
        "OrderReference",
        "AllowanceCharge",
        "BillingReference",
        "PayeeParty",
        "TaxRepresentativeParty",
        "Delivery",
        "InvoicePeriod",
        "AdditionalDocumentReference",
        "ClassifiedTaxCategory",
        "PaymentTerms",
        "AdditionalItemProperty",
        "InvoiceDocumentReference",
        "PaymentMandate",
        "CardAccount",
        "Attachment",
        "FinancialInstitutionBranch",
        "OriginatorDocumentReference",
        "OrderLineReference",
        "Address",
        "ContractDocumentReference",
        "StandardItemIdentification",
        "CommodityClassification",
        "DeliveryLocation",
        "ProjectReference",
        "DespatchDocumentReference",
        "ReceiptDocumentReference",
        "Contact",
        "DocumentReference",
        "OriginCountry",
    ]
)


class UnreadableInvoice(Exception):
    """The bytes are not an invoice that can be read; `code` is stable, the sentence for people."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence


@dataclass(frozen=True)
class Node:
    """An element, addressed by local names: `TaxTotal/TaxAmount`."""

    element: Element

    def all(self, path: str) -> list[Node]:
        return [Node(found) for found in self.element.findall(qualified(path))]

    def one(self, path: str) -> Node | None:
        found = self.element.find(qualified(path))
        return Node(found) if found is not None else None

    def text(self, path: str = "") -> str:
        found = self.element.find(qualified(path)) if path else self.element
        return (found.text or "").strip() if found is not None else ""

    def has(self, path: str) -> bool:
        return bool(self.text(path))

    def attribute(self, path: str, name: str) -> str:
        found = self.element.find(qualified(path)) if path else self.element
        return found.get(name, "") if found is not None else ""

    def amount(self, path: str = "") -> Decimal | None:
        return number(self.text(path))

    def walk(self, name: str = "") -> Iterator[Node]:
        """Every element below of that name; without one, every element."""
        for found in self.element.iter(qualified(name) if name else None):
            yield Node(found)

    @property
    def name(self) -> str:
        return str(self.element.tag).rpartition("}")[2]

    @property
    def spoken(self) -> str:
        """The name in words: `TaxExclusiveAmount` is "tax exclusive amount"."""
        return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", self.name).lower().replace(" id", " ID")

    @property
    def empty(self) -> bool:
        return len(self.element) == 0 and not (self.element.text or "").strip()


def qualified(path: str) -> str:
    """Local names with their namespaces: the aggregates are a closed list, the rest is basic."""
    return "/".join((CAC if name in AGGREGATES else CBC) + name for name in path.split("/"))


def number(text: str) -> Decimal | None:
    try:
        found = Decimal(text)
    except InvalidOperation:
        return None
    return found if found.is_finite() and abs(found) < Decimal(10) ** 15 else None


def day(text: str) -> dt.date | None:
    try:
        return dt.date.fromisoformat(text[:10])
    except ValueError:
        return None


@dataclass(frozen=True)
class Untrusted:
    """Free text that somebody outside wrote, and where it stood."""

    path: str
    text: str


@dataclass(frozen=True)
class Document:
    """An invoice or a credit note; `root` is for the rules, the rest for the work."""

    kind: str
    root: Node

    @property
    def number(self) -> str:
        return self.root.text("ID")[:80]

    @property
    def issued_on(self) -> dt.date | None:
        return day(self.root.text("IssueDate"))

    @property
    def due_on(self) -> dt.date | None:
        return day(self.root.text("DueDate") or self.root.text("PaymentMeans/PaymentDueDate"))

    @property
    def currency(self) -> str:
        return self.root.text("DocumentCurrencyCode")[:3]

    @property
    def supplier_name(self) -> str:
        seller = "AccountingSupplierParty/Party"
        legal = self.root.text(f"{seller}/PartyLegalEntity/RegistrationName")
        return (legal or self.root.text(f"{seller}/PartyName/Name"))[:200]

    @property
    def supplier_vat(self) -> str:
        return self.root.text("AccountingSupplierParty/Party/PartyTaxScheme/CompanyID")[:40]

    @property
    def order_number(self) -> str:
        return self.root.text("OrderReference/ID")[:80]

    @property
    def iban(self) -> str:
        account = self.root.text("PaymentMeans/PayeeFinancialAccount/ID")
        return account.replace(" ", "").upper()[:40]

    @property
    def payable(self) -> Decimal | None:
        return self.root.amount("LegalMonetaryTotal/PayableAmount")

    @cached_property
    def lines(self) -> list[Node]:
        return self.root.all("InvoiceLine") or self.root.all("CreditNoteLine")

    @property
    def untrusted(self) -> list[Untrusted]:
        """Notes and descriptions: never instructions, whatever they say."""
        places = ("Note", "PaymentTerms/Note", "BuyerReference")
        found = [Untrusted(place, node.text()) for place in places for node in self.root.all(place)]
        for index, line in enumerate(self.lines, 1):
            for place in ("Note", "Item/Description", "Item/Name"):
                found += [
                    Untrusted(f"line {index}/{place}", node.text()) for node in line.all(place)
                ]
        return [item for item in found if item.text]


def parse(content: bytes) -> Document:
    """Reads a document. Raises UnreadableInvoice, and nothing else, on any bytes whatever."""
    if len(content) > LARGEST:
        raise UnreadableInvoice("too_large", "The file is larger than 5 MB.")
    root = element_of(content)
    kind = ROOTS.get(root.tag)
    if kind is None:
        raise UnreadableInvoice("not_ubl", "The file is not a UBL 2.1 invoice or credit note.")
    return Document(kind, Node(root))


class Bounded(TreeBuilder):
    """Builds the tree, and stops at what no invoice has before it costs anything."""

    def __init__(self) -> None:
        super().__init__()
        self.depth = self.count = 0

    def start(self, tag: str, attrs: dict[str, str], /) -> Element:
        self.depth += 1
        self.count += 1
        if self.depth > DEEPEST:
            raise UnreadableInvoice("too_deep", "The file is nested too deeply.")
        if self.count > MOST_ELEMENTS:
            raise UnreadableInvoice("too_large", "The file has too many elements.")
        return super().start(tag, attrs)

    def end(self, tag: str, /) -> Element:
        self.depth -= 1
        return super().end(tag)


def element_of(content: bytes) -> Element:
    if LONG_TAG.search(content):
        raise UnreadableInvoice(
            "malformed", "The file has an element with far too many attributes."
        )
    parser = DefusedXMLParser(target=Bounded(), forbid_dtd=True)
    try:
        parser.feed(content)
        root: Element = parser.close()
    except DefusedXmlException:
        raise UnreadableInvoice(
            "hostile", "The file declares a document type or entities, which invoices never need."
        ) from None
    except ParseError as error:
        line, column = error.position
        sentence = f"The file is not well-formed XML (line {line}, column {column})."
        raise UnreadableInvoice("malformed", sentence) from None
    except (ValueError, LookupError, RecursionError, MemoryError):
        raise UnreadableInvoice("malformed", "The file cannot be read as XML.") from None
    return root


EXPONENTS = {"JPY": 0, "KRW": 0, "ISK": 0, "CLP": 0, "HUF": 2, "BHD": 3, "KWD": 3, "TND": 3}


def minor(amount: Decimal, currency: str) -> int:
    """An amount in the currency's minor unit (ISO 4217), half up."""
    exponent = EXPONENTS.get(currency, 2)
    return int(
        (amount.scaleb(exponent) + Decimal("0.5").copy_sign(amount)).to_integral_value("ROUND_DOWN")
    )
