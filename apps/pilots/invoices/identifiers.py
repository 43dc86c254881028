"""Numbers of organisations whose form or check digit can be verified (rules PEPPOL-COMMON-…).

Source: Peppol BIS Billing 3.0 and the public descriptions of each number. No database, no clock.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from apps.pilots.invoices.ubl import Document, Node


@dataclass(frozen=True)
class Scheme:
    """One register: the code by which documents name it, what people call its numbers, and
    whether a number can be one of them. A `warning` never stops an invoice."""

    rule: str
    code: str
    name: str
    valid: Callable[[str], bool]
    places: tuple[str, ...] = ("address", "identifier", "registration")


def digits(text: str, length: int) -> bool:
    return len(text) == length and text.isascii() and text.isdigit()


def gln(text: str) -> bool:
    """GS1: weights 3 and 1 from the right, the last digit makes a multiple of ten."""
    if not (text.isascii() and text.isdigit()) or len(text) < 2:
        return False
    body = [int(char) for char in reversed(text[:-1])]
    weighted = sum(digit * (3 if index % 2 == 0 else 1) for index, digit in enumerate(body))
    return -weighted % 10 == int(text[-1])


def luhn(text: str) -> bool:
    doubled = [sum(divmod(int(char) * 2, 10)) for char in text[-2::-2]]
    plain = [int(char) for char in text[::-2]]
    return (sum(doubled) + sum(plain)) % 10 == 0


def norwegian(text: str) -> bool:
    if not digits(text, 9) or int(text) == 0:
        return False
    body = [int(char) for char in reversed(text[:-1])]
    weighted = sum(digit * (index % 6 + 2) for index, digit in enumerate(body))
    return -weighted % 11 == int(text[-1])


def danish(text: str) -> bool:
    return digits(text.removeprefix("DK"), 8)


def belgian(text: str) -> bool:
    return digits(text, 10) and 97 - int(text[:8]) % 97 == int(text[8:])


def swedish(text: str) -> bool:
    return digits(text, 10) and luhn(text)


def australian(text: str) -> bool:
    if not digits(text, 11):
        return False
    weights = (10, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19)
    values = [int(char) for char in text]
    values[0] -= 1
    return sum(map(int.__mul__, weights, values)) % 89 == 0


def italian_office(text: str) -> bool:
    return re.fullmatch(r"[A-Za-z0-9]{6}", text) is not None


def italian_person(text: str) -> bool:
    person = r"[A-Za-z]{6}\d{2}[A-Za-z]\d{2}.{3}\d[A-Za-z]"
    return digits(text, 11) or re.fullmatch(person, text) is not None


def italian_vat(text: str) -> bool:
    """Only numbers that say they are Italian are checked."""
    return text[:2].upper() != "IT" or (digits(text[2:], 11) and luhn(text[2:]))


SCHEMES = (
    Scheme("PEPPOL-COMMON-R040", "0088", "global location number", gln),
    Scheme("PEPPOL-COMMON-R041", "0192", "Norwegian organisation number", norwegian),
    Scheme("PEPPOL-COMMON-R042", "0184", "Danish organisation number", danish),
    Scheme("PEPPOL-COMMON-R043", "0208", "Belgian enterprise number", belgian),
    Scheme("PEPPOL-COMMON-R044", "0201", "Italian office code", italian_office),
    Scheme("PEPPOL-COMMON-R045", "0210", "Italian tax code", italian_person),
    Scheme("PEPPOL-COMMON-R046", "9907", "Italian tax code", italian_person, ("address",)),
    Scheme("PEPPOL-COMMON-R047", "0211", "Italian VAT number", italian_vat),
    Scheme("PEPPOL-COMMON-R049", "0007", "Swedish organisation number", swedish),
    Scheme("PEPPOL-COMMON-R050", "0151", "Australian business number", australian),
)
# What the rule set itself only warns of.
WARNINGS = frozenset(f"PEPPOL-COMMON-R{number:03d}" for number in (44, 45, 46, 47))


def named(document: Document, places: tuple[str, ...]) -> Iterator[Node]:
    root = document.root
    if "address" in places:
        yield from root.walk("EndpointID")
    if "identifier" in places:
        for owner in root.walk("PartyIdentification"):
            yield from owner.all("ID")
    if "registration" in places:
        yield from root.walk("CompanyID")


def well_formed(scheme: Scheme) -> Callable[[Document], list[str]]:
    def check(document: Document) -> list[str]:
        return [
            f"{node.text() or 'Nothing'} is given as {scheme.name}, but cannot be one."
            for node in named(document, scheme.places)
            if node.attribute("", "schemeID") == scheme.code and not scheme.valid(node.text())
        ]

    return check


RULES = {scheme.rule: well_formed(scheme) for scheme in SCHEMES}
