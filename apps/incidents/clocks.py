"""The law's periods for serious incidents, as data with the words they come from. A reminder, and
no legal advice. No database.

Regulation (EU) 2024/1689, Articles 3(49), 26(5) and 73; the quotes were compared with published
copies of the text on `READ_ON`. Days are calendar days counted as instants in UTC, the strict
reading."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass

READ_ON = dt.date(2026, 11, 26)
SOURCE = "Regulation (EU) 2024/1689"


@dataclass(frozen=True)
class Criterion:
    """By what an incident is serious, and which article says so."""

    words: str
    article: str


CRITERIA: dict[str, Criterion] = {
    "death": Criterion("A person died", "3(49)(a)"),
    "health": Criterion("Serious harm to a person's health", "3(49)(a)"),
    "infrastructure": Criterion(
        "Serious and irreversible disruption of critical infrastructure", "3(49)(b)"
    ),
    "rights": Criterion("Duties that protect fundamental rights were infringed", "3(49)(c)"),
    "property": Criterion("Serious harm to property or the environment", "3(49)(d)"),
    "widespread": Criterion("A widespread infringement", "3(61)"),
}


@dataclass(frozen=True)
class Clock:
    """One period: `days` from when one knew of it; 0 is at once."""

    code: str
    article: str
    days: int
    words: str
    quote: str


CLOCKS: dict[str, Clock] = {
    each.code: each
    for each in (
        Clock(
            "26-5",
            "Art. 26(5)",
            0,
            "Tell the provider, then the importer or distributor and the authority",
            "Where deployers have identified a serious incident, they shall also immediately "
            "inform first the provider, and then the importer or distributor and the relevant "
            "market surveillance authorities of that incident.",
        ),
        Clock(
            "73-2",
            "Art. 73(2)",
            15,
            "Report to the market surveillance authority",
            "not later than 15 days after the provider or, where applicable, the deployer, "
            "becomes aware of the serious incident",
        ),
        Clock(
            "73-3",
            "Art. 73(3)",
            2,
            "Report to the market surveillance authority",
            "not later than two days after the provider or, where applicable, the deployer "
            "becomes aware of that incident",
        ),
        Clock(
            "73-4",
            "Art. 73(4)",
            10,
            "Report to the market surveillance authority",
            "not later than 10 days after the date on which the provider or, where applicable, "
            "the deployer becomes aware of the serious incident",
        ),
    )
}
REPORTS = ("73-2", "73-3", "73-4")
SUSPEND_USE = (
    "Where there is a risk in the meaning of Art. 79(1), whoever uses the system suspends its use "
    "(Art. 26(5))."
)


def reporting(criteria: Collection[str]) -> str:
    """Exactly one of 73(2), 73(3) and 73(4): the shortest that applies; "" for none."""
    if not criteria:
        return ""
    if {"infrastructure", "widespread"} & set(criteria):
        return "73-3"
    return "73-4" if "death" in criteria else "73-2"


def running(criteria: Collection[str]) -> list[str]:
    """The codes of the periods that run for an incident that is serious in these ways."""
    found = reporting(criteria)
    return ["26-5", found] if found else []


def due(code: str, aware_at: dt.datetime) -> dt.datetime:
    return aware_at + dt.timedelta(days=CLOCKS[code].days)
