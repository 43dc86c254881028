"""The VAT rules of EN 16931, one family per category: breakdown, identifiers, rates, sums, reasons.

Source: EN 16931-1:2017, 6.4.3, and its public validation artefacts. No database, no clock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache

from apps.pilots.invoices.ubl import Document, Node

Check = Callable[[Document], list[str]]
ZERO, CENT = Decimal(0), Decimal("0.01")
SELLER, BUYER, AGENT = (
    "AccountingSupplierParty/Party",
    "AccountingCustomerParty/Party",
    "TaxRepresentativeParty",
)


@dataclass(frozen=True)
class Category:
    """One VAT category: its code, what people call it, and what the standard asks of it. `rated`
    categories have a rate, and their sums are taken rate by rate; `once` ones have exactly one
    line in the breakdown; `reasoned` ones say why there is no VAT (None: they may not)."""

    family: str
    code: str
    name: str
    rated: bool = False
    once: bool = True
    reasoned: bool | None = True
    identifiers: str = "seller"


CATEGORIES = (
    Category("S", "S", "standard rated", rated=True, once=False, reasoned=False),
    Category("Z", "Z", "zero rated", reasoned=False),
    Category("E", "E", "exempt"),
    Category("AE", "AE", "reverse charge", identifiers="both"),
    Category("G", "G", "export", identifiers="vat"),
    Category("IC", "K", "supply within the Union", identifiers="union"),
    Category("AF", "L", "IGIC", rated=True, once=False, reasoned=False),
    Category("AG", "M", "IPSI", rated=True, once=False, reasoned=False),
    Category("O", "O", "not subject to VAT", identifiers="none"),
)


@dataclass(frozen=True)
class Use:
    """One place where a category is used: a line, an allowance or a charge of the document."""

    place: str
    category: Node
    amount: Decimal


def uses(document: Document) -> Iterator[Use]:
    for line in document.lines:
        for category in line.all("Item/ClassifiedTaxCategory"):
            yield Use("line", category, line.amount("LineExtensionAmount") or ZERO)
    for node in document.root.all("AllowanceCharge"):
        charge = node.text("ChargeIndicator") == "true"
        amount = node.amount("Amount") or ZERO
        for category in node.all("TaxCategory"):
            yield Use("charge" if charge else "allowance", category, amount if charge else -amount)


@lru_cache(maxsize=1)
def by_code(document: Document) -> dict[str, list[Use]]:
    """The uses of each category, looked for once for the hundred rules that ask."""
    found: dict[str, list[Use]] = {}
    for use in uses(document):
        found.setdefault(code_of(use.category), []).append(use)
    return found


def used(document: Document, code: str, place: str = "") -> list[Use]:
    return [use for use in by_code(document).get(code, []) if place in ("", use.place)]


def code_of(category: Node) -> str:
    """The code of a VAT category; "" for another tax."""
    scheme = category.text("TaxScheme/ID")
    return category.text("ID") if scheme in ("", "VAT") else ""


def breakdown(document: Document, code: str = "") -> list[Node]:
    parts = [part for total in document.root.all("TaxTotal") for part in total.all("TaxSubtotal")]
    return [
        part
        for part in parts
        for category in part.all("TaxCategory")
        if code in ("", code_of(category))
    ]


def numbers(document: Document, party: str) -> dict[str, bool]:
    """Which identifiers a party has: a VAT number, another tax number, a legal registration."""
    schemes = document.root.all(f"{party}/PartyTaxScheme")
    vat = any(s.text("TaxScheme/ID") == "VAT" and s.has("CompanyID") for s in schemes)
    other = any(s.text("TaxScheme/ID") != "VAT" and s.has("CompanyID") for s in schemes)
    return {
        "vat": vat,
        "tax": other,
        "legal": document.root.has(f"{party}/PartyLegalEntity/CompanyID"),
    }


def identifiers_missing(document: Document, kind: str) -> str:
    """What the parties lack (or have too much of) for a category; "" when nothing."""
    seller, buyer = numbers(document, SELLER), numbers(document, BUYER)
    agent = numbers(document, AGENT)
    known = seller["vat"] or agent["vat"]
    if kind == "none":
        clean = not (seller["vat"] or agent["vat"] or buyer["vat"])
        return "" if clean else "no VAT number may be given"
    if kind == "vat":
        return "" if known else "the seller's VAT number is missing"
    if kind == "union":
        whole = known and buyer["vat"]
        return "" if whole else "the seller's and the buyer's VAT numbers are needed"
    if not (known or seller["tax"]):
        return "the seller has no VAT or tax number"
    if kind == "both" and not (buyer["vat"] or buyer["legal"]):
        return "the buyer has no VAT number or registration"
    return ""


def has_breakdown(category: Category) -> Check:
    def check(document: Document) -> list[str]:
        found = len(breakdown(document, category.code))
        if not used(document, category.code):
            return []
        if category.once and found != 1:
            return [f"Something is {category.name}, so the breakdown has exactly one line for it."]
        return [] if found else [f"Something is {category.name}, and the breakdown lacks it."]

    return check


def has_identifiers(category: Category, place: str) -> Check:
    def check(document: Document) -> list[str]:
        problem = identifiers_missing(document, category.identifiers)
        if not problem or not used(document, category.code, place):
            return []
        return [f"A {place} is {category.name}, but {problem}."]

    return check


def has_rate(category: Category, place: str) -> Check:
    def check(document: Document) -> list[str]:
        found = []
        for use in used(document, category.code, place):
            rate = use.category.amount("Percent")
            if not rate_fits(category, rate):
                found.append(f"A {place} is {category.name}; its VAT rate cannot be {rate}.")
        return found

    return check


def rate_fits(category: Category, rate: Decimal | None) -> bool:
    if category.code == "O":
        return rate is None
    if rate is None:
        return False
    if category.code == "S":
        return rate > 0
    return rate >= 0 if category.rated else rate == 0


def sums_agree(category: Category) -> Check:
    def check(document: Document) -> list[str]:
        found = []
        for part in breakdown(document, category.code):
            stated = part.amount("TaxableAmount")
            rate = part.amount("TaxCategory/Percent")
            total = sum(
                (
                    use.amount
                    for use in used(document, category.code)
                    if not category.rated or use.category.amount("Percent") == rate
                ),
                ZERO,
            )
            if stated is not None and abs(stated - total) >= 1:
                found.append(
                    f"What is {category.name} adds up to {total}, but the breakdown says {stated}."
                )
        return found

    return check


def tax_agrees(category: Category) -> Check:
    def check(document: Document) -> list[str]:
        found = []
        for part in breakdown(document, category.code):
            stated = part.amount("TaxAmount")
            rate = part.amount("TaxCategory/Percent")
            taxable = part.amount("TaxableAmount")
            if stated is None:
                continue
            expected = ZERO
            if category.rated and rate is not None and taxable is not None:
                expected = (taxable * rate / 100).quantize(CENT, ROUND_HALF_UP)
            if abs(stated - expected) >= (1 if category.rated else CENT):
                found.append(f"The VAT of what is {category.name} is {expected}, not {stated}.")
        return found

    return check


def has_reason(category: Category) -> Check:
    def check(document: Document) -> list[str]:
        found = []
        for part in breakdown(document, category.code):
            given = any(
                part.has(f"TaxCategory/{name}")
                for name in ("TaxExemptionReason", "TaxExemptionReasonCode")
            )
            if category.reasoned and not given:
                found.append(f"The breakdown does not say why something is {category.name}.")
            if not category.reasoned and given:
                found.append(f"What is {category.name} needs no reason for exemption.")
        return found

    return check


def alone(place: str) -> Check:
    """What is not subject to VAT does not stand beside what is."""

    def check(document: Document) -> list[str]:
        if not breakdown(document, "O"):
            return []
        found = []
        if place == "breakdown":
            found = [part for part in breakdown(document) if part not in breakdown(document, "O")]
            others = bool(found)
        else:
            others = any(
                use.place == place and code_of(use.category) not in ("", "O")
                for use in uses(document)
            )
        return [f"Something is not subject to VAT, and a {place} is."] if others else []

    return check


def union_delivery(document: Document) -> list[str]:
    if not breakdown(document, "K"):
        return []
    root = document.root
    periods = root.all("InvoicePeriod")
    dated = root.has("Delivery/ActualDeliveryDate") or any(
        period.has("StartDate") or period.has("EndDate") for period in periods
    )
    return [] if dated else ["A supply within the Union says when it was delivered."]


def union_country(document: Document) -> list[str]:
    place = "Delivery/DeliveryLocation/Address/Country/IdentificationCode"
    if not breakdown(document, "K") or document.root.has(place):
        return []
    return ["A supply within the Union says to which country it was delivered."]


def vat_rules() -> dict[str, Check]:
    """Every rule of every family, by the standard's own names."""
    found: dict[str, Check] = {}
    for category in CATEGORIES:
        name = f"BR-{category.family}"
        found[f"{name}-01"] = has_breakdown(category)
        for offset, place in enumerate(("line", "allowance", "charge")):
            found[f"{name}-{2 + offset:02d}"] = has_identifiers(category, place)
            found[f"{name}-{5 + offset:02d}"] = has_rate(category, place)
        found[f"{name}-08"] = sums_agree(category)
        found[f"{name}-09"] = tax_agrees(category)
        found[f"{name}-10"] = has_reason(category)
    found["BR-IC-11"] = union_delivery
    found["BR-IC-12"] = union_country
    for number, place in ((11, "breakdown"), (12, "line"), (13, "allowance"), (14, "charge")):
        found[f"BR-O-{number}"] = alone(place)
    return found
