"""A new vendor: requested by a buyer, documents by mail (asked for again where they are missing),
the bank account checked, screened, its risk assessed by a person, approved or refused, and written
into the master data. Many desks, much by mail: far from ready.

Planted are: references called by phone, a private spreadsheet, the bank account left unchecked, and
a risk officer who refers far more to the committee than the others.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from apps.readiness.mining.generate.writer import Described, Rows, Writer, as_log, ending
from apps.readiness.mining.results import EventLog, SystemFact

STEPS: tuple[Any, ...] = (
    "Request vendor",
    "Send questionnaire",
    "Receive documents",
    {
        "sequence": ["Ask for missing documents", "Receive documents"],
        "optional": True,
        "repeat": True,
    },
    "Check bank account",
    "Screen vendor",
    "Assess risk",
    {"step": "Review by committee", "optional": True},
    {"one_of": [["Approve vendor", "Create vendor record"], ["Refuse vendor"]]},
)
SYSTEMS = (
    SystemFact("intranet", True, "ui"),
    SystemFact("mail", True, "file"),
    SystemFact("bank portal", True, "ui"),
    SystemFact("screening service", True, "api"),
    SystemFact("risk register", True, "ui"),
    SystemFact("master data", True, "api"),
)
ACTIVITIES = (
    Described("Request vendor", 0),
    Described("Send questionnaire", 1, "untested", "A second mail says that it was a mistake."),
    Described("Receive documents", 0),
    Described("Ask for missing documents", 1, "untested", "A second mail takes it back."),
    Described("Check bank account", 0),
    Described("Screen vendor", 0),
    Described("Assess risk", 2, "untested", "The assessment is written anew."),
    Described("Review by committee", 2, "untested", "The committee meets again."),
    Described("Approve vendor", 3, guarded=True),
    Described("Refuse vendor", 3, "untested", "The vendor is asked to apply again."),
    Described("Create vendor record", 4, "tested", "The record is blocked, then deleted."),
)


@dataclass(frozen=True)
class Plan:
    """Shares of cases, unless said otherwise."""

    cases: int = 2_000
    seed: int = 1
    begin: datetime = datetime(2026, 1, 5, 8, tzinfo=UTC)
    until: datetime | None = None
    missing_documents: float = 0.35  # each time they come
    shadow_call: float = 0.30  # "Call reference", by phone
    shadow_sheet: float = 0.15  # "Note in spreadsheet"
    unchecked_account: float = 0.06  # control skipped
    strict_officer: float = 0.55  # the one officer refers
    other_officers: float = 0.06
    refused_by_committee: float = 0.4
    minutes_between_cases: float = 90.0


@dataclass(frozen=True)
class Truth:
    """How many cases each planted thing really happened in."""

    cases: int
    called: int
    sheet: int
    unchecked: int
    asked_again: int
    referred_by_strict: int
    seen_by_strict: int
    refused: int


BUYERS = ("Aron", "Bela", "Chiara", "Deniz", "Edda")
DESK = ("Farid", "Greta", "Hugo")
OFFICERS = ("Ilse", "Jonas", "Kadir")
STRICT = "Ilse"


def generate(plan: Plan | None = None) -> tuple[EventLog, Truth]:
    """The log of a plan, and what was planted."""
    return as_log(generated(plan or Plan()))


def generated(plan: Plan) -> tuple[Rows, Truth]:
    """The rows before anything read them; for writing files."""
    random = Random(plan.seed)  # noqa: S311 - reproducible test data, nothing secret
    rows: Rows = []
    called = sheet = unchecked = again = referred = seen = refused = 0
    for number in range(plan.cases):
        writer = Writer(
            random,
            f"VEN-{number:06d}",
            plan.begin + timedelta(minutes=plan.minutes_between_cases * number),
            21_600,
            spend=round(random.lognormvariate(10.0, 1.2), 2),
            country=random.choice(("DE", "NL", "PT", "IN", "TR")),
        )
        again += documents(plan, writer, random)
        if random.random() < plan.shadow_call:
            called += 1
            writer.event("Call reference", random.choice(BUYERS), "Procurement", "phone")
        if random.random() < plan.unchecked_account:
            unchecked += 1
        else:
            writer.event("Check bank account", "Lena", "Treasury", "bank portal")
        writer.event("Screen vendor", "screening robot", "Compliance", "screening service")
        if random.random() < plan.shadow_sheet:
            sheet += 1
            writer.event("Note in spreadsheet", random.choice(OFFICERS), "Risk", "spreadsheet")
        officer, up = judged(plan, writer, random)
        seen += officer == STRICT
        referred += up and officer == STRICT
        refused += ended(plan, writer, random, up=up)
        rows += writer.rows
    truth = Truth(plan.cases, called, sheet, unchecked, again, referred, seen, refused)
    return ending(rows, plan.until), truth


def documents(plan: Plan, writer: Writer, random: Random) -> bool:
    """The request and the papers; whether they had to be asked for again."""
    writer.event("Request vendor", random.choice(BUYERS), "Procurement", "intranet")
    writer.event("Send questionnaire", random.choice(DESK), "Vendor desk", "mail")
    writer.event("Receive documents", random.choice(DESK), "Vendor desk", "mail")
    again = False
    while random.random() < plan.missing_documents:
        again = True
        writer.event("Ask for missing documents", random.choice(DESK), "Vendor desk", "mail")
        writer.event("Receive documents", random.choice(DESK), "Vendor desk", "mail")
    return again


def judged(plan: Plan, writer: Writer, random: Random) -> tuple[str, bool]:
    """Who assessed the risk, and whether the committee was asked."""
    officer = random.choice(OFFICERS)
    writer.event("Assess risk", officer, "Risk", "risk register")
    share = plan.strict_officer if officer == STRICT else plan.other_officers
    up = random.random() < share
    if up:
        writer.event("Review by committee", "committee", "Risk committee", "mail")
    return officer, up


def ended(plan: Plan, writer: Writer, random: Random, *, up: bool) -> bool:
    """Whether the vendor was refused."""
    if up and random.random() < plan.refused_by_committee:
        writer.event("Refuse vendor", random.choice(BUYERS), "Procurement", "mail")
        return True
    writer.event("Approve vendor", "Marek", "Procurement", "intranet")
    writer.event("Create vendor record", "Nadia", "Master data", "master data")
    return False
