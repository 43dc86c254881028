"""Which rules a document is judged by, and what came of it: the standard's always, those of
Peppol where the document says that it follows Peppol."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from apps.pilots.invoices import codes, en16931, peppol, vat
from apps.pilots.invoices.identifiers import WARNINGS
from apps.pilots.invoices.ubl import Document

Check = Callable[[Document], Iterable[str]]
STANDARD: dict[str, Check] = {**en16931.RULES, **codes.RULES, **vat.vat_rules()}
EVERY: dict[str, Check] = {**STANDARD, **peppol.RULES}


@dataclass(frozen=True)
class Finding:
    """One broken rule and what is wrong in words; a `warning` stops nothing."""

    rule: str
    sentence: str
    warning: bool = False


def validate(document: Document) -> list[Finding]:
    """Every broken rule, in the order of the table. What two rules say in the same words is
    told once, under the first."""
    found: list[Finding] = []
    said: set[str] = set()
    for rule, check in (EVERY if peppol.claimed(document) else STANDARD).items():
        fresh = [sentence for sentence in check(document) if sentence not in said]
        said.update(fresh)
        found += [Finding(rule, sentence, rule in WARNINGS) for sentence in fresh]
    return found
