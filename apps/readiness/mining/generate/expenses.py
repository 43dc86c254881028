"""An expense claim: submitted in the portal, its receipts read, held against the policy, approved
by rule within it and reviewed by a manager beyond it (who may send it back), booked, reimbursed.
Regular, and on systems with interfaces: nearly ready.

Planted, all small, are: questions in a chat, the check against the policy left out, and a manager
who sends back far more than the others.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from xml.sax.saxutils import quoteattr

from apps.readiness.mining.generate.writer import Described, Rows, Writer, as_log, ending
from apps.readiness.mining.results import EventLog, SystemFact

STEPS: tuple[Any, ...] = (
    "Submit claim",
    "Read receipts",
    {
        "sequence": [
            "Check against policy",
            "Review by manager",
            "Send back to employee",
            "Submit claim",
            "Read receipts",
        ],
        "optional": True,
        "repeat": True,
    },
    "Check against policy",
    {"one_of": [["Approve by rule"], ["Review by manager"]]},
    "Book claim",
    "Reimburse",
)
SYSTEMS = (
    SystemFact("expense portal", True, "api"),
    SystemFact("receipt reader", True, "api"),
    SystemFact("ledger system", True, "api"),
    SystemFact("payroll", True, "api"),
    SystemFact("chat", True, "api"),
)
ACTIVITIES = (
    Described("Submit claim", 0),
    Described("Read receipts", 0),
    Described("Check against policy", 0),
    Described("Approve by rule", 2, "tested", "The approval is withdrawn before the booking."),
    Described("Review by manager", 1, "tested", "The review is opened again."),
    Described("Send back to employee", 1, "tested", "The claim is taken up as it was."),
    Described("Book claim", 2, "tested", "The booking is reversed."),
    Described("Reimburse", 3, "tested", "It is set off against the next payroll.", guarded=True),
)
ELEMENTS = (
    ("start", "startEvent", "Claim"),
    ("again", "exclusiveGateway", ""),
    ("submit", "userTask", "Submit claim"),
    ("read", "serviceTask", "Read receipts"),
    ("check", "businessRuleTask", "Check against policy"),
    ("within", "exclusiveGateway", "Within the policy?"),
    ("rule", "serviceTask", "Approve by rule"),
    ("review", "userTask", "Review by manager"),
    ("clear", "exclusiveGateway", "Clear?"),
    ("back", "userTask", "Send back to employee"),
    ("approved", "exclusiveGateway", ""),
    ("book", "serviceTask", "Book claim"),
    ("pay", "serviceTask", "Reimburse"),
    ("end", "endEvent", "Reimbursed"),
)
FLOWS = (
    "start again", "again submit", "submit read", "read check", "check within", "within rule",
    "within review", "review clear", "clear back", "back again", "clear approved", "rule approved",
    "approved book", "book pay", "pay end",
)  # fmt: skip


def bpmn() -> str:
    """The documented process as a BPMN 2.0 file."""
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        '<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL"'
        ' targetNamespace="urn:agent-council:expenses">',
        '  <process id="expense-claims" name="Expense claims" isExecutable="false">',
    ]
    for key, kind, name in ELEMENTS:
        named = f" name={quoteattr(name)}" if name else ""
        lines.append(f'    <{kind} id="{key}"{named}/>')
    for flow in FLOWS:
        source, target = flow.split()
        lines.append(
            f'    <sequenceFlow id="{source}-{target}" sourceRef="{source}" targetRef="{target}"/>'
        )
    return "\n".join([*lines, "  </process>", "</definitions>", ""])


@dataclass(frozen=True)
class Plan:
    """Shares of cases, unless said otherwise."""

    cases: int = 2_000
    seed: int = 1
    begin: datetime = datetime(2026, 1, 5, 8, tzinfo=UTC)
    until: datetime | None = None
    limit: float = 250.0
    routing_noise: float = 0.003
    shadow_chat: float = 0.015  # "Ask in chat"
    unchecked: float = 0.01  # control skipped
    strict_manager: float = 0.45  # the one manager sends back
    other_managers: float = 0.02
    minutes_between_cases: float = 75.0


@dataclass(frozen=True)
class Truth:
    """How many cases each planted thing really happened in."""

    cases: int
    chatted: int
    unchecked: int
    returned_by_strict: int
    seen_by_strict: int


MANAGERS = ("Pavel", "Quinn", "Rosa")
STRICT = "Pavel"
STAFF = tuple(f"Employee {number:02d}" for number in range(1, 41))


def generate(plan: Plan | None = None) -> tuple[EventLog, Truth]:
    """The log of a plan, and what was planted."""
    return as_log(generated(plan or Plan()))


def generated(plan: Plan) -> tuple[Rows, Truth]:
    """The rows before anything read them; for writing files."""
    random = Random(plan.seed)  # noqa: S311 - reproducible test data, nothing secret
    rows: Rows = []
    chatted = unchecked = returned = seen = 0
    for number in range(plan.cases):
        writer = Writer(
            random,
            f"EXP-{number:07d}",
            plan.begin + timedelta(minutes=plan.minutes_between_cases * number),
            1_800,
            amount=round(random.lognormvariate(5.0, 0.9), 2),
            category=random.choice(("travel", "meals", "equipment", "training")),
        )
        employee = random.choice(STAFF)
        submitted(writer, employee)
        if random.random() < plan.shadow_chat:
            chatted += 1
            writer.event("Ask in chat", employee, "Staff", "chat")
        skipped = random.random() < plan.unchecked
        unchecked += skipped
        if not skipped:
            checked(writer)
        over = writer.attributes["amount"] > plan.limit
        if random.random() < plan.routing_noise:
            over = not over
        if over:
            strict, back = reviewed(plan, writer, random, employee)
            seen += strict
            returned += strict and back
        else:
            writer.event("Approve by rule", "policy robot", "Expenses", "expense portal")
        writer.event("Book claim", "booking robot", "Expenses", "ledger system")
        writer.event("Reimburse", "payroll robot", "Payroll", "payroll")
        rows += writer.rows
    truth = Truth(plan.cases, chatted, unchecked, returned, seen)
    return ending(rows, plan.until), truth


def submitted(writer: Writer, employee: str) -> None:
    writer.event("Submit claim", employee, "Staff", "expense portal")
    writer.event("Read receipts", "receipt robot", "Expenses", "receipt reader")


def checked(writer: Writer) -> None:
    writer.event("Check against policy", "policy robot", "Expenses", "expense portal")


def reviewed(plan: Plan, writer: Writer, random: Random, employee: str) -> tuple[bool, bool]:
    """Whether the strict manager saw the claim first, and whether it was sent back once."""
    manager = random.choice(MANAGERS)
    share = plan.strict_manager if manager == STRICT else plan.other_managers
    writer.event("Review by manager", manager, "Managers", "expense portal")
    back = random.random() < share
    if back:
        writer.event("Send back to employee", manager, "Managers", "expense portal")
        submitted(writer, employee)
        checked(writer)
        other = random.choice([name for name in MANAGERS if name != STRICT])
        writer.event("Review by manager", other, "Managers", "expense portal")
    return manager == STRICT, back
