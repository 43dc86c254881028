"""Fills the demonstration: a plausible year of suppliers and orders, agents, tools and policies."""

from __future__ import annotations

import datetime as dt
import random

from apps.access.models import Department, User
from apps.approvals.models import Checkpoint
from apps.approvals.services import (
    change_queue,
    create_checkpoint,
    create_queue,
    entrust,
    grant_standing,
    plan_freeze,
    record_training,
    save_calendar,
    save_template,
)
from apps.common.acting import acting
from apps.common.clock import now
from apps.orchestration.services import install_workflow
from apps.pilots.invoices.checks import iban_of
from apps.pilots.invoices.generator import MISLED, MISLED_DAYS, MISLED_ORDER
from apps.pilots.invoices.models import PurchaseOrder, Supplier
from apps.pilots.invoices.policies import POLICIES
from apps.pilots.invoices.specs import KNOWN_ADDRESSES, OUTSIDE_TOOL, TOOLS
from apps.pilots.invoices.workflow import (
    INTAKE,
    MATCHER,
    PAYABLES,
    VENDOR_DESK,
    InvoiceTriage,
)
from apps.policies.adoption import enforce
from apps.policies.services import create_policy, save_draft
from apps.registry.models import Agent
from apps.registry.services import (
    activate_agent,
    grant,
    register_agent,
    register_tool,
    save_reference_list,
)
from apps.runtime.services import set_budget

WHY = "Demonstration"
DAY, MONTH = dt.timedelta(days=1), dt.timedelta(days=32)
Edit = dict[str, object]
SUPPLIERS, ORDERS = 40, 600
FIRST_NAMES = [
    "Alder",
    "Birch",
    "Cedar",
    "Dune",
    "Ember",
    "Fjord",
    "Garnet",
    "Harbor",
    "Iris",
    "Juniper",
]
SECOND_NAMES = ("Logistics", "Paper Works", "Metals", "Cleaning Services")
ITEMS = [
    "Pallets",
    "Paper",
    "Bearings",
    "Cleaning",
    "Transport",
    "Packaging",
    "Sensors",
    "Repairs",
    "Fuel",
    "Training",
]
AGENTS = (
    (INTAKE, "Invoice intake", "Reads invoices and checks them.", "low", "native",
     ("invoices.parse", "invoices.validate", "invoices.hold")),
    (MATCHER, "Invoice matcher", "Matches invoices with suppliers, orders and receipts.", "low",
     "native",
     ("invoices.match",)),
    (PAYABLES, "Payables clerk", "Posts invoices and schedules payments.", "medium", "native",
     ("invoices.post", "payments.schedule")),
    (VENDOR_DESK, "Vendor desk", "Proposes changes to supplier master data.", "high", "native",
     ("suppliers.change_account",)),
    ("supplier-helpdesk", "Supplier helpdesk", "Answers suppliers' questions by mail.", "medium",
     "external", ("suppliers.answer",)),
)  # fmt: skip


def seed() -> None:
    """Everything as the system, through the same services as people use."""
    seed_master_data()
    seed_queues()
    save_reference_list(
        actor=None,
        slug=KNOWN_ADDRESSES,
        title="Addresses of suppliers",
        values=[address_of(supplier.name) for supplier in Supplier.objects.all()],
        reason=WHY,
    )
    tools = {spec.name: register_tool(actor=None, spec=spec) for spec in (*TOOLS, OUTSIDE_TOOL)}
    seed_vigilance()
    owner = User.objects.get(username="operator")
    creator = User.objects.get(username="admin")
    sponsor = Department.objects.get(slug="finance")
    for slug, name, purpose, risk, kind, names in AGENTS:
        agent = register_agent(
            actor=None,
            slug=slug,
            name=name,
            purpose=purpose,
            owner=owner,
            created_by=creator,
            sponsor=sponsor,
            risk_tier=risk,
            kind=kind,
            data_classes=["internal"],
        )
        for tool in names:
            grant(
                actor=None,
                agent=agent,
                tool=tools[tool],
                expires_at=now() + dt.timedelta(days=180),
                reason=WHY,
            )
        activate_agent(actor=None, agent=agent, reason=WHY)
    for slug, title, purpose, text in POLICIES:
        policy = create_policy(actor=None, slug=slug, title=title, purpose=purpose)
        enforce(version=save_draft(actor=None, policy=policy, text=text), reason=WHY)
    seed_consent()
    install_workflow(definition=InvoiceTriage())
    seed_budgets()


def seed_budgets() -> None:
    """More in a day than the demonstration's open orders come to."""
    set_budget(
        actor=None, scope="agent", subject=PAYABLES, unit="money", window="day",
        amount=5_000_000_00, currency="EUR", reason=WHY,
    )  # fmt: skip


def address_of(name: str) -> str:
    return f"billing@{name.lower().replace(' ', '-')}.example"


def seed_queues() -> None:
    """Two queues with a lead and business hours, and the level above both."""
    people = {user.username: user for user in User.objects.all()}
    hours = save_calendar(
        actor=None,
        slug="office-hours",
        name="Office hours",
        zone="Europe/Berlin",
        hours={str(day): ["07:00", "19:00"] for day in range(5)},
        days_off=[],
        reason=WHY,
    )
    above = create_queue(actor=None, slug="finance-lead", name="Finance lead")
    payments = create_queue(actor=None, slug="payments", name="Payments")
    vendors = create_queue(actor=None, slug="vendor-data", name="Vendor data")
    for queue, names in (
        (above, ("dana",)),
        (payments, ("amara", "bruno")),
        (vendors, ("amara", "bruno", "clara")),
    ):
        for name in names:
            entrust(actor=None, queue=queue, user=people[name], reason=WHY)
    for name, risk in (
        ("amara", "critical"), ("bruno", "critical"), ("clara", "high"), ("dana", "critical"),
    ):  # fmt: skip
        record_training(
            actor=None, user=people[name], most_risk=risk, course="Oversight of agents", days=365
        )
    for queue, purpose, up, lead, calendar in (
        (above, "The next level of payments and vendor data.", None, "dana", None),
        (payments, "Whether money leaves, and what is booked.", above, "amara", hours),
        (vendors, "Who may be paid, and on which account.", above, "clara", hours),
    ):
        change_queue(
            actor=None, queue=queue, name=queue.name, purpose=purpose, escalates_to=up,
            lead=people[lead], calendar=calendar, reason=WHY,
        )  # fmt: skip
    create_checkpoint(actor=None, slug="payment-approval", title="Payment approval", queue=payments)
    create_checkpoint(
        actor=None, slug="credit-note", title="Large credit note", queue=payments, hard=False
    )
    create_checkpoint(
        actor=None, slug="vendor-data", title="Vendor data change", queue=vendors, approvers=2
    )


def seed_consent() -> None:
    """One standing approval of a lead, and the next month-end close as a freeze."""
    checkpoint = Checkpoint.objects.get(slug="credit-note")
    moment = now()
    grant_standing(
        actor=User.objects.get(username="amara"),
        checkpoint=checkpoint,
        agent=Agent.objects.get(slug=PAYABLES),
        tool="invoices.post",
        rule_key="large-credit-note",
        limits=[],
        ends_at=moment + dt.timedelta(days=30),
        most=20,
        reason="The warehouse confirms each return before the supplier writes the credit note.",
    )
    first = (moment.replace(day=1, hour=0, minute=0, second=0, microsecond=0) + MONTH).replace(
        day=1
    )
    plan_freeze(
        actor=None,
        name="Month-end close",
        queue=checkpoint.queue,
        tools=["invoices.post", "payments.schedule"],
        starts_at=max(first - DAY, moment + DAY),
        ends_at=first + 2 * DAY,
        reason="While the books are closed, people look at every posting and payment.",
    )


def seed_vigilance() -> None:
    """What may be planted in past payments. The programme itself is switched on by the council."""
    account: Edit = {"path": "will_happen.after.to", "do": "digits"}
    differs: Edit = {"path": "facts.account_matches.value", "do": "set", "value": False}
    ten_times: Edit = {"path": "will_happen.after.amount", "do": "times", "value": 10}
    twice: Edit = {"path": "facts.duplicate.value", "do": "set", "value": True}
    for slug, title, edits, defect, clue in (
        ("other-account", "Another account", [account, differs],
         "The money would go to an account that is not the supplier's.",
         "“Account matches” says no, and the digits differ."),
        ("ten-times", "Ten times the amount", [ten_times],
         "Ten times the amount of the invoice would be paid.",
         "The amount to be paid is not the amount that the organisation knows."),
        ("paid-before", "Paid before", [twice],
         "The same invoice was received before.",
         "“Duplicate” says yes."),
    ):  # fmt: skip
        save_template(
            actor=None, slug=slug, tool="payments.schedule", title=title, edits=edits,
            defect=defect, clue=clue,
        )  # fmt: skip
    save_template(
        actor=None, slug="clean-payment", tool="payments.schedule", title="Nothing planted",
        edits=[], answer="approve",
    )  # fmt: skip


def seed_master_data() -> None:
    chance = random.Random(1931)  # noqa: S311 - a demonstration, the same each time
    moment = now()
    for index in range(SUPPLIERS):
        name = f"{FIRST_NAMES[index % 10]} {SECOND_NAMES[index // 10]}"
        since = moment - dt.timedelta(days=chance.randrange(200, 1500))
        country = chance.choice(["DE", "PT", "NL", "AT"])
        Supplier(
            number=f"V{1001 + index}",
            name=name,
            vat_id=f"{country}{chance.randrange(10**8, 10**9)}",
            country=country,
            iban=iban_of("DE", f"{chance.randrange(10**17, 10**18)}"),
            iban_since=since,
            known_since=since,
            payment_days=chance.choice([14, 30, 45]),
        ).save()
    suppliers = list(Supplier.objects.exclude(number=MISLED))
    PurchaseOrder.objects.bulk_create(
        [an_order(index, chance, suppliers, moment) for index in range(ORDERS)]
    )
    mislead(moment)


def mislead(moment: dt.datetime) -> None:
    chance = random.Random(MISLED)  # noqa: S311 - a demonstration, the same each time
    supplier = Supplier.lock_by_number(MISLED)
    with acting(label="Vendor master data", reason="As the supplier's e-mail asked."):
        supplier.compare_and_set(
            where={"version": supplier.version},
            iban=iban_of("DE", f"{chance.randrange(10**17, 10**18)}"),
            iban_since=moment - dt.timedelta(days=MISLED_DAYS),
            version=supplier.version + 1,
        )
    PurchaseOrder.objects.create(
        number=MISLED_ORDER,
        supplier=supplier,
        ordered_at=moment - dt.timedelta(days=30),
        amount=6_480_00,
        received=6_480_00,
        description="Cleaning of the halls",
    )


def an_order(
    index: int, chance: random.Random, suppliers: list[Supplier], moment: dt.datetime
) -> PurchaseOrder:
    """Most orders are small; older ones are invoiced already, and what is open was received."""
    large = chance.random() < 0.12
    amount = chance.randrange(12_500, 65_000) * 100 if large else chance.randrange(90, 8_900) * 100
    past = index >= ORDERS * 2 // 3
    return PurchaseOrder(
        number=f"PO-{26_000 + index}",
        supplier=chance.choice(suppliers),
        ordered_at=moment - dt.timedelta(days=chance.randrange(40, 365) if past else 20),
        amount=amount // 120 * 120,
        received=amount // 120 * 120,
        invoiced=amount // 120 * 120 if past else 0,
        description=chance.choice(ITEMS),
    )
