"""A member writes a rule in words, the council votes it into force, the next invoice meets it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from apps.approvals.models import ApprovalRequest
from apps.common.clock import now
from apps.council.models import Measure, Motion
from apps.council.services import (
    emergency,
    sweeps,
)
from apps.orchestration.services import drain
from apps.pilots.invoices.models import PurchaseOrder
from apps.policies import backtests, replay
from apps.registry.models import Agent
from tests.browser.test_the_loop import drop

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def run_backtests() -> None:
    """What the worker does."""
    for pk in backtests.due():
        while replay.work_on(pk):
            pass


def time_passes(motion: Motion, *names: str) -> None:
    """A period is over, and beat has come by."""
    moment = now() - dt.timedelta(seconds=1)
    Motion.objects.filter(pk=motion.pk).update(**dict.fromkeys(names, moment))
    sweeps.sweep()
    run_backtests()
    sweeps.sweep()
    motion.refresh_from_db()


def test_from_a_sentence_to_a_rule_in_force(
    open_as: Callable[..., Page], work: Callable[[], None]
) -> None:
    PurchaseOrder.objects.filter(amount__gt=900_000).delete()
    drop()
    work()
    member = open_as("member")
    member.goto("/policies/payment-approval")
    member.get_by_role("link", name="Add a rule in words").click()
    member.get_by_role("link", name="Changed bank details need two people").click()
    member.locator("select[name='does']").select_option("tool:payments.schedule")
    member.get_by_role("button", name="Show what it can look at").click()
    member.fill("input[name='checkpoint']", "payment-approval")
    member.fill("input[name='people']", "2")
    member.locator("select[name='path-0']").select_option("facts.account_known_days")
    member.locator("select[name='op-0']").select_option("<")
    member.fill("input[name='value-0']", "4000")
    member.get_by_role("button", name="Show the Cedar text").click()
    expect(member.locator("#cedar + pre")).to_contain_text('@approvers("2")')
    member.get_by_role("button", name="Put it into the draft").click()

    expect(member.locator("h1")).to_contain_text("v2")
    expect(member.get_by_text("allow becomes review by 2 at payment-approval")).to_be_visible()
    assert member.get_by_role("link", name="Propose to the council…").count() == 0
    member.get_by_role("button", name="Run a backtest").click()
    run_backtests()
    member.reload()
    expect(member.locator("#report")).to_contain_text("allow→review")
    member.get_by_role("link", name="The proof").click()
    member.get_by_role("link", name="Propose to the council…").click()
    member.fill("#id_rationale", "Accounts that changed lately are how invoice fraud works.")
    member.get_by_role("button", name="Propose Payment approval v2").click()
    motion = Motion.objects.get(kind="policy")

    chair = open_as("chair")
    chair.goto(f"/decisions/M-{motion.number}")
    chair.get_by_role("button", name="Second this motion").click()
    people = open_as("people")
    people.goto(f"/decisions/M-{motion.number}")
    people.get_by_text("I am not impartial on this").click()
    people.get_by_label("What binds you").fill("My brother works at a supplier.")
    people.get_by_role("button", name="Declare it").click()
    time_passes(motion, "comment_ends_at")
    assert motion.status == "ballot"

    people.reload()
    expect(people.get_by_text("You do not vote here. My brother")).to_be_visible()
    chair.reload()
    expect(chair.get_by_text("How others voted is shown after your own vote")).to_be_visible()
    vote(chair, motion, "For")
    expect(chair.get_by_text("You may change it until the close.").first).to_be_visible()
    vote(member, motion, "For")
    phone = open_as("compliance", size=(390, 844), scheme="dark")
    vote(phone, motion, "Abstain")
    security = open_as("security")
    vote(security, motion, "For")
    time_passes(motion, "ballot_closes_at")
    assert (motion.status, motion.result["abstained"]) == ("effective", 1)

    drop()
    work()
    item = ApprovalRequest.objects.get()
    assert item.checkpoints.get().needed == 2
    inbox = open_as("amara")
    inbox.goto(f"/inbox/C-{item.number}")
    expect(
        inbox.get_by_text("The account was changed within the last 30 days.").first
    ).to_be_visible()


def vote(page: Page, motion: Motion, choice: str) -> None:
    page.goto(f"/decisions/M-{motion.number}")
    page.get_by_label(choice, exact=True).check()
    page.get_by_role("button", name="Cast the vote").click()
    expect(page.get_by_text("Your vote is cast").first).to_be_visible()


def test_a_vote_against_without_a_reason_comes_back_with_what_was_chosen(
    open_as: Callable[..., Page],
) -> None:
    page = open_as("member")
    motion = Motion.objects.get()
    time_passes(motion, "comment_ends_at")
    page.goto(f"/decisions/M-{motion.number}")
    page.get_by_label("Against", exact=True).check()
    page.get_by_role("button", name="Cast the vote").click()
    expect(page.locator(".error-summary")).to_contain_text("Say why you are against it.")
    expect(page.get_by_label("Against", exact=True)).to_be_checked()
    page.get_by_label("Reason", exact=True).fill("It doubles the work.")
    page.get_by_role("button", name="Cast the vote").click()
    expect(page.get_by_text("It doubles the work.").first).to_be_visible()


def test_an_emergency_measure_stops_an_agent_and_lapses_by_itself(
    open_as: Callable[..., Page],
) -> None:
    security = open_as("security")
    security.goto("/council/emergency")
    security.locator("select[name='what']").select_option("suspend_agent:invoice-payables")
    security.fill("#id_reason", "It pays the same invoice again and again.")
    security.get_by_role("button", name="Ask for the measure").click()
    assert Agent.objects.get(slug="invoice-payables").status == "active"
    expect(security.get_by_text("Waits for a second person", exact=True)).to_be_visible()

    compliance = open_as("compliance")
    compliance.goto("/")
    compliance.get_by_role("link", name="See what it stops, and agree…").click()
    expect(compliance.get_by_text("It acted 0 times in the last 24 hours.")).to_be_visible()
    compliance.get_by_role("button", name="Agree, and stop Payables clerk now").click()
    drain()
    assert Agent.objects.get(slug="invoice-payables").status == "suspended"
    admin = open_as("admin")
    admin.goto("/agents/invoice-payables")
    expect(admin.get_by_text("ends by itself")).to_be_visible()
    admin.get_by_role("link", name="Resume…").click()
    admin.fill("#id_reason", "We need it.")
    admin.get_by_role("button", name="Resume").click()
    expect(admin.get_by_text("holds this agent").first).to_be_visible()

    Measure.objects.update(ends_at=now() - dt.timedelta(seconds=1))
    emergency.sweep()
    assert Agent.objects.get(slug="invoice-payables").status == "active"
    compliance.goto("/council/emergency")
    expect(compliance.get_by_text("Lapsed")).to_be_visible()
    compliance.goto("/council/emergency/E-1001")
    compliance.get_by_label("What happened, and why it could not wait").fill("It retried.")
    compliance.get_by_role("button", name="Give the report").click()
    expect(compliance.get_by_text("It retried.")).to_be_visible()


def test_a_sitting_ends_in_signed_minutes(open_as: Callable[..., Page]) -> None:
    chair = open_as("chair")
    chair.goto("/council/sittings/new")
    chair.fill("#id_title", "Friday")
    chair.fill("#id_starts_at", f"{now() + dt.timedelta(days=2):%Y-%m-%dT%H:%M}")
    chair.get_by_role("button", name="Call a sitting").click()
    for name in ("Ines Duarte (Chair)", "Tomas Berg (Risk)"):
        chair.get_by_label(name).check()
    chair.get_by_role("button", name="Open the sitting").click()
    chair.get_by_label("Note", exact=True).fill("We look at it in a month.")
    chair.get_by_role("button", name="Add the note").click()
    chair.get_by_role("button", name="Close the sitting and write the minutes").click()
    expect(chair.locator("pre")).to_contain_text("We look at it in a month.")
    chair.get_by_role("button", name="Sign these minutes").click()
    member = open_as("member")
    member.goto("/council/sittings/S-1001")
    member.get_by_role("button", name="Sign these minutes").click()
    expect(member.get_by_text("Minutes signed")).to_be_visible()
