"""An invoice: Receive invoice → Read fields → Match purchase order → Route invoice →
approve (by a manager over the limit, by a clerk under it) → Pay invoice. Planted are: undocumented
work, a control left out, a payment before its approval, a manager who returns far more than the
others, a routing rule with noise, rework, and systems that nobody sanctioned.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from apps.readiness.mining.generate.writer import Described, Rows, Writer, as_log, ending
from apps.readiness.mining.results import EventLog, SystemFact

STEPS: tuple[Any, ...] = (
    "Receive invoice",
    "Read fields",
    "Match purchase order",
    "Route invoice",
    {
        "sequence": [
            {"one_of": [["Approve by clerk"], ["Approve by manager"]]},
            {"step": "Return to vendor", "optional": True},
        ],
        "repeat": True,
    },
    "Pay invoice",
)
SYSTEMS = (
    SystemFact("mailbox", True, "api"),
    SystemFact("ocr", True, "api"),
    SystemFact("erp", True, "api"),
    SystemFact("workflow", True, "api"),
    SystemFact("bank", True, "api"),
)
ACTIVITIES = (
    Described("Receive invoice", 0),
    Described("Read fields", 1, "tested", "The fields are read again from the document."),
    Described("Match purchase order", 1, "tested", "The match is taken off the order."),
    Described("Route invoice", 1, "tested", "It is sent to another desk."),
    Described("Approve by clerk", 2, "tested", "The approval is withdrawn before the payment."),
    Described("Approve by manager", 2, "tested", "The approval is withdrawn before the payment."),
    Described("Return to vendor", 2, "tested", "The vendor is told to send it again."),
    Described("Pay invoice", 4, guarded=True),
)


@dataclass(frozen=True)
class Plan:
    """Shares of cases, unless said otherwise."""

    cases: int = 2_000
    seed: int = 1
    begin: datetime = datetime(2026, 1, 5, 8, tzinfo=UTC)
    until: datetime | None = None  # when the last event is, instead of `begin`
    limit: float = 5_000.0
    routing_noise: float = 0.01
    shadow_call: float = 0.12  # "Call vendor", by phone
    shadow_sheet: float = 0.04  # "Check in spreadsheet" in place of the match: control skipped
    early_payment: float = 0.015
    misread: float = 0.08  # "Read fields" twice
    strict_manager: float = 0.45  # the one manager returns
    other_managers: float = 0.05
    minutes_between_cases: float = 30.0


@dataclass(frozen=True)
class Truth:
    """How many cases each planted thing really happened in."""

    cases: int
    called: int
    sheet: int
    early: int
    misread: int
    returned_by_strict: int
    seen_by_strict: int


CLERKS = ("Ada", "Ben", "Cleo", "Dan")
MANAGERS = ("Mara", "Noor", "Otto")
STRICT = "Mara"


def generate(plan: Plan | None = None) -> tuple[EventLog, Truth]:
    """The log of a plan, and what was planted."""
    return as_log(generated(plan or Plan()))


def generated(plan: Plan) -> tuple[Rows, Truth]:
    """The rows before anything read them; for writing files."""
    random = Random(plan.seed)  # noqa: S311 - reproducible test data, nothing secret
    rows: Rows = []
    called = sheet = early = misread = returned = seen = 0
    for number in range(plan.cases):
        writer = Writer(
            random,
            f"INV-{number:07d}",
            plan.begin + timedelta(minutes=plan.minutes_between_cases * number),
            7_200,
            amount=round(random.lognormvariate(8.0, 1.1), 2),
            channel=random.choice(("e-mail", "portal", "post")),
        )
        clerk = random.choice(CLERKS)
        writer.event("Receive invoice", "mailbox robot", "Intake", "mailbox")
        writer.event("Read fields", clerk, "Intake", "ocr")
        if random.random() < plan.misread:
            misread += 1
            writer.event("Read fields", random.choice(CLERKS), "Intake", "ocr")
        if random.random() < plan.shadow_sheet:
            sheet += 1
            writer.event("Check in spreadsheet", clerk, "Payables", "spreadsheet")
        else:
            writer.event("Match purchase order", clerk, "Payables", "erp")
        if random.random() < plan.shadow_call:
            called += 1
            writer.event("Call vendor", clerk, "Payables", "phone")
        strict, back = approvals(plan, writer, random, early=random.random() < plan.early_payment)
        early += writer.rows[-1]["activity"] != "Pay invoice"
        seen += strict
        returned += back
        rows += writer.rows
    truth = Truth(plan.cases, called, sheet, early, misread, returned, seen)
    return ending(rows, plan.until), truth


def approvals(plan: Plan, writer: Writer, random: Random, *, early: bool) -> tuple[int, int]:
    """Approval and payment; how often the strict manager saw and returned the invoice."""
    over = writer.attributes["amount"] > plan.limit
    if random.random() < plan.routing_noise:
        over = not over
    if not over:
        clerk = random.choice(CLERKS)
        order = [("Approve by clerk", clerk, "Payables", "workflow")]
        strict = back = 0
    else:
        manager = random.choice(MANAGERS)
        strict = int(manager == STRICT)
        order = [("Approve by manager", manager, "Finance", "workflow")]
        share = plan.strict_manager if strict else plan.other_managers
        back = int(random.random() < share)
        if back:
            order += [
                ("Return to vendor", manager, "Finance", "workflow"),
                ("Approve by manager", random.choice(MANAGERS), "Finance", "workflow"),
            ]
            back *= strict
    order.insert(0, ("Route invoice", "routing robot", "Payables", "workflow"))
    payment = ("Pay invoice", "payment robot", "Treasury", "bank")
    for step in [payment, *order] if early else [*order, payment]:
        writer.event(*step)
    return strict, back
