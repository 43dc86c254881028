"""The auditor's question, in the browser: who let this payment happen, and on what ground?"""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect

from apps.access.models import User
from apps.approvals.models import ApprovalRequest
from apps.orchestration import services
from tests.browser.test_the_loop import drop
from tests.pilots.test_invoices import approve

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
MOST_CLICKS, MOST_SECONDS = 6, 60


class Clicks:
    def __init__(self) -> None:
        self.number = 0

    def __call__(self, target: Locator) -> None:
        target.click()
        self.number += 1


def paid() -> list[str]:
    """A changed account approved by two people, and the payment that followed."""
    people = {user.username: user for user in User.objects.all()}
    for name in ("clara", "bruno"):
        approve(people[name])
    services.drain()
    if ApprovalRequest.objects.filter(status="pending").exists():
        approve(people["amara"])
        services.drain()
    return [str(people[name]) for name in ("bruno", "clara")]


def test_from_a_payment_to_the_sentence_and_the_two_people_in_six_clicks(
    open_as: Callable[..., Page], work: Callable[[], None]
) -> None:
    drop("changed_account")
    work()
    names = paid()
    page, click = open_as("auditor"), Clicks()
    began = time.monotonic()
    click(page.get_by_role("navigation", name="Main", exact=True).get_by_text("Invoice"))
    click(page.locator("tbody a").first)
    expect(page.get_by_role("heading", name="Payment")).to_be_visible()
    click(page.get_by_role("link", name="Why was this paid?"))
    expect(page.locator("#policy")).to_contain_text("account is younger than 30 days")
    expect(page.locator("#approvals")).to_contain_text("Matches")
    click(page.locator("#approvals").get_by_role("link", name="suppliers.change_account"))
    expect(page.locator("#policy")).to_contain_text(
        "A changed bank account always needs two people."
    )
    expect(page.locator("#policy pre")).to_contain_text('@id("account-change")')
    for name in names:
        expect(page.locator("#approvals")).to_contain_text(name)
    click(page.locator("#policy").get_by_role("link", name="Vendor bank details"))
    expect(page.locator("main")).to_contain_text("A changed bank account always needs two people.")
    assert click.number <= MOST_CLICKS
    assert time.monotonic() - began < MOST_SECONDS


def test_a_search_by_keyboard_and_one_filter_taken_away(
    open_as: Callable[..., Page], work: Callable[[], None]
) -> None:
    drop()
    work()
    page = open_as("auditor")
    page.goto("/audit/")
    page.keyboard.press("/")
    page.keyboard.type("type:action.* kind:agent")
    page.keyboard.press("Enter")
    page.wait_for_url("**/audit/?q=type%3Aaction.%2A+kind%3Aagent")
    expect(page.locator("select[name=type]")).to_have_value("action.*")
    page.get_by_role("link", name="kind:agent").first.click()
    page.wait_for_url("**/audit/?q=type%3Aaction.%2A")
    expect(page.locator(".facets")).to_be_visible()
