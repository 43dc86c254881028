"""A payment to an account that an e-mail changed: from the bank's refusal, which nobody asked for,
to a rule that would have stopped it, in force, and an auditor who finds all of it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from apps.audit.models import EvidencePack
from apps.audit.packs import services as packs
from apps.council.models import Motion
from apps.incidents.models import Corrective, Incident
from apps.incidents.services import receipts, rollbacks
from apps.incidents.services.signals import catch_up
from apps.ledger import keys
from apps.orchestration.services import drain
from apps.pilots.invoices import bank, feeder, intake
from apps.pilots.invoices.generator import MISLED_ORDER
from apps.pilots.invoices.knowledge import folder
from apps.pilots.invoices.models import Payment
from apps.policies.models import Policy
from apps.registry.models import Agent
from apps.runtime.models import Action
from tests.browser.test_the_council import run_backtests, time_passes, vote

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
OpenAs = Callable[..., Page]


@pytest.fixture
def own_folders(tmp_path: Path, settings: Any) -> None:
    settings.LEDGER = {
        **settings.LEDGER,
        "KEY_DIR": tmp_path / "keys",
        "CHECKPOINT_DIR": tmp_path / "checkpoints",
        "PACK_DIR": tmp_path / "packs",
    }


def misled_payment(work: Callable[[], None]) -> Payment:
    """The agents pay an invoice whose account matches the master data, as every rule wants."""
    wanted = feeder.next_invoice(number=MISLED_ORDER)
    assert wanted is not None
    feeder.drop(wanted)
    work()
    return Payment.objects.get()


def the_bank_refuses(payment: Payment) -> None:
    path = folder("bank") / "report.xml"
    path.write_bytes(bank.report(payment.reference, "BE01", "The holder has another name."))
    os.utime(path, (time.time() - 1, time.time() - 1))
    intake.sweep()
    catch_up()


def do(page: Page, button: str, **fields: str) -> None:
    """Fills the form in which the button is, and presses it."""
    form = page.locator("form").filter(has=page.get_by_role("button", name=button, exact=True))
    for name, value in fields.items():
        form.locator(f"[name='{name}']").fill(value)
    form.get_by_role("button", name=button, exact=True).click()


def wants(page: Page, *words: str) -> None:
    """What the page says is still wanted before the incident moves on: exactly this."""
    rows = page.locator(".wanted li").filter(has_text="Wanted")
    expect(rows).to_have_count(len(words))
    for row, text in zip(rows.all(), words, strict=True):
        expect(row).to_contain_text(text)


def test_from_a_refused_payment_to_a_rule_that_would_have_stopped_it(
    open_as: OpenAs, work: Callable[[], None], own_folders: None
) -> None:
    payment = misled_payment(work)
    the_bank_refuses(payment)
    incident = Incident.objects.get()
    url = f"/incidents/I-{incident.number}"

    chair, oncall = open_as("chair"), open_as("oncall")
    contained_and_taken_back(chair, oncall, payment)
    learnt(chair, open_as("member"), url)
    made_a_rule(open_as, url)
    closed(chair, open_as("member"), open_as("security"), url)
    found_by_the_auditor(open_as("auditor"), payment, url)


def contained_and_taken_back(chair: Page, oncall: Page, payment: Payment) -> None:
    chair.goto("/")
    chair.get_by_role("link", name="Others objected to what an action did").click()
    expect(chair.locator("#about + *").first).to_be_visible()
    expect(chair.get_by_text("The bank refused the payment.").first).to_be_visible()
    do(chair, f"Triage {Incident.objects.get().reference}", reason="Money might have left.")

    oncall.goto("/incidents/")
    expect(oncall.locator("tbody tr").first).to_contain_text("Nothing yet")
    oncall.locator("tbody a").first.click()
    expect(oncall.locator("#standing li").first).to_contain_text("Goes on")
    oncall.get_by_role("link", name="Contain…").click()
    oncall.fill("#reason", "In haste, with no tick.")
    oncall.get_by_role("button", name="Contain I-").click()
    expect(oncall.locator(".error-summary")).to_contain_text("Pick what to stop")
    oncall.locator("input[name='do:agent:invoice-payables'][value='suspend']").check()
    oncall.fill("#reason", "Until we know whose account it is.")
    oncall.get_by_role("button", name="Contain I-").click()
    expect(oncall.locator(".messages")).to_contain_text("is contained")
    receipts.collect()
    oncall.reload()
    expect(oncall.get_by_text("Holds everywhere")).to_be_visible()
    expect(oncall.locator("#standing")).to_contain_text("Payables clerk")
    expect(oncall.locator("#standing li").first).to_contain_text("It is suspended.")
    expect(oncall.locator("#standing li").last).to_contain_text("Schedule a payment")
    assert Agent.objects.get(slug="invoice-payables").status == "suspended"

    oncall.get_by_role("link", name="Take back…").click()
    oncall.locator("#agent").select_option("invoice-payables")
    oncall.get_by_role("button", name="Show").click()
    expect(oncall.get_by_text("2 of 2 can be taken back, newest first.")).to_be_visible()
    oncall.locator("#reason").fill("The account is not the supplier's.")
    oncall.get_by_role("button", name="Take back what is picked").click()
    while rollbacks.work_off():
        drain()
    oncall.reload()
    expect(oncall.locator("#rollbacks tbody tr")).to_have_count(2)
    payment.refresh_from_db()
    assert payment.cancelled_at is not None


def learnt(chair: Page, member: Page, url: str) -> None:
    """Led, read, confirmed by two, found, and reviewed on the council's agenda."""
    chair.goto(url)
    chair.get_by_role("button", name="I lead this").click()
    chair.get_by_role("button", name="Begin the investigation").click()
    expect(chair.locator("#timeline + p + ol")).to_contain_text("objected")
    do(chair, "Write it down", text="Nobody called back when an e-mail asked for another account.")
    chair.get_by_role("button", name="The timeline is right").click()
    wants(chair, "Somebody else has confirmed it")
    member.goto(url)
    member.get_by_role("button", name="The timeline is right").click()
    chair.get_by_role("button", name="Put it to review").click()
    chair.goto("/council/")
    chair.get_by_role("link", name=Incident.objects.get().reference).click()
    chair.get_by_text("Write the minutes").click()
    chair.locator("#attendees").select_option(label=["Ines Duarte", "Tomas Berg"])
    chair.locator("#decisions").fill("Accounts are looked at for 90 days, not 30.")
    chair.get_by_role("button", name="Put it on record").click()
    expect(chair.locator("#reviews + p")).to_contain_text("Held")
    wants(chair, "Each finding has an action, or its risk is accepted")

    chair.get_by_text("Add an action").click()
    form = chair.locator("form").filter(has=chair.get_by_role("button", name="Decide on it"))
    form.locator("[name='type']").select_option("policy")
    form.locator("[name='text']").fill("Ask about accounts younger than 90 days.")
    form.locator("[name='owner']").select_option(label="Tomas Berg")
    form.locator("[name='due_on']").fill("2099-01-01")
    form.locator("[name='policy']").select_option("payment-approval")
    chair.get_by_role("button", name="Decide on it").click()
    chair.get_by_role("button", name="Begin to correct").click()

    action = Action.objects.get(tool_name="payments.schedule", status__in=["done", "undone"])
    lesson = chair.locator("form").filter(has=chair.get_by_role("button", name="Keep it as a test"))
    lesson.locator("[name='step']").select_option(str(action.pk))
    lesson.locator("[name='expected']").select_option("review")
    chair.get_by_role("button", name="Keep it as a test").click()
    expect(chair.get_by_text("What is in force now would let it happen again.")).to_be_visible()


def made_a_rule(open_as: OpenAs, url: str) -> None:
    """The clause is changed, proved, voted on, and in force."""
    member = open_as("member", java_script_enabled=False)
    member.goto("/policies/payment-approval/edit")
    text = member.locator("textarea#text").input_value()
    assert "account_known_days < 30" in text
    wider = text.replace("account_known_days < 30", "account_known_days < 90")
    member.fill("textarea#text", wider.replace("younger than 30 days", "younger than 90 days"))
    member.get_by_role("button", name="Save draft").click()
    member = open_as("member")
    member.goto(url)
    expect(member.get_by_text("Draft Payment approval v2 would stop all of them.")).to_be_visible()
    expect(member.locator(".diff").first).to_contain_text("90")
    member.get_by_role("link", name="The proof of Payment approval v2").click()
    member.get_by_role("button", name="Run a backtest").click()
    run_backtests()
    member.reload()
    member.get_by_role("link", name="The proof").click()
    member.get_by_role("link", name="Propose to the council…").click()
    member.fill("#id_rationale", f"{url.rpartition('/')[2]}: 41 days were not young enough.")
    member.get_by_role("button", name="Propose Payment approval v2").click()
    motion = Motion.objects.get(kind="policy")
    chair = open_as("chair")
    chair.goto(f"/decisions/M-{motion.number}")
    chair.get_by_role("button", name="Second this motion").click()
    time_passes(motion, "comment_ends_at")
    for page in (chair, member, open_as("security"), open_as("compliance")):
        vote(page, motion, "For")
    time_passes(motion, "ballot_closes_at")
    assert motion.status == "effective", motion.result
    assert Policy.objects.get(slug="payment-approval").versions.get(status="in_force").number == 2


def closed(chair: Page, member: Page, security: Page, url: str) -> None:
    chair.goto(url)
    expect(chair.get_by_text("stops every recorded action that this is about")).to_be_visible()
    expect(chair.get_by_role("heading", name="The clause before and after")).to_be_visible()
    member.goto(url)
    member.get_by_role("button", name="It is done").click()
    security.goto(url)
    do(security, "It works", how="The replay is green, and v2 is in force.")
    assert Corrective.objects.get().verified_at is not None
    security.get_by_text("Lift it").first.click()
    do(security, "Lift it", reason="The rule is in force.")
    assert Agent.objects.get(slug="invoice-payables").status == "active"
    chair.reload()
    wants(chair)
    chair.locator("#close-reason").fill("An account is young for longer than we thought.")
    chair.get_by_role("button", name="Close I-").click()
    expect(chair.locator(".page-head")).to_contain_text("Closed")
    assert chair.locator(".milestones .tag-ok").count() == 6


def found_by_the_auditor(auditor: Page, payment: Payment, url: str) -> None:
    """The incident, its trail, the payment's reasons, and a pack that can be checked elsewhere."""
    auditor.goto(f"/pilots/invoices/{payment.document_id}")
    expect(auditor.get_by_text("The account is not in the name of the payee.")).to_be_visible()
    auditor.get_by_role("link", name="Why was this paid?").click()
    expect(auditor.locator("main")).to_contain_text("payments.schedule")
    auditor.goto(url)
    expect(auditor.locator("#timeline + p")).to_contain_text("Confirmed by Ines Duarte")
    assert auditor.locator("main button:visible").count() <= 1  # notes
    auditor.get_by_role("link", name="Trail", exact=True).click()
    for act in (
        "Incident opened by signals", "Incident contained", "Incident reviewed by the council",
        "Recorded action kept as a test of a policy", "Corrective action found to work",
        "Incident closed",
    ):  # fmt: skip
        expect(auditor.locator("main")).to_contain_text(act)
    keys.make_first()
    auditor.goto("/evidence/new")
    auditor.locator("select[name='control']").select_option("GC-09")
    auditor.get_by_role("button", name="Build the pack").click()
    auditor.wait_for_url("**/evidence/EP-*")
    pack = EvidencePack.objects.get()
    packs.work_on(pack.pk)
    auditor.reload()
    expect(auditor.get_by_role("link", name="Download")).to_be_visible()
    assert pack.path.exists()
