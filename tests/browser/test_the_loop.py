"""What the first day looks like, in the browser: the folder, the inbox, two people, the end."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from apps.approvals.models import ApprovalRequest, Queue
from apps.orchestration import services
from apps.orchestration.models import Run
from apps.pilots.invoices import feeder
from apps.pilots.invoices.feeder import next_invoice
from apps.pilots.invoices.models import InvoiceDocument, Payment, PurchaseOrder, Supplier

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
OpenAs = Callable[..., Page]


def drop(trouble: str = "") -> None:
    wanted = next_invoice(trouble)
    assert wanted is not None
    feeder.drop(wanted)


def test_an_invoice_dropped_into_the_folder_ends_as_a_scheduled_payment(
    open_as: OpenAs, work: Callable[[], None]
) -> None:
    PurchaseOrder.objects.filter(amount__gt=900_000).delete()
    drop()
    work()
    page = open_as("operator")
    page.goto("/pilots/invoices/")
    expect(page.locator("tbody tr")).to_have_count(1)
    expect(page.locator("tbody")).to_contain_text("Payment scheduled")
    page.locator("tbody a").first.click()
    expect(page.get_by_role("heading", name="Payment")).to_be_visible()
    assert Payment.objects.count() == 1


def test_a_changed_account_waits_for_two_people_and_goes_on_after_the_second(
    open_as: OpenAs, work: Callable[[], None]
) -> None:
    drop("changed_account")
    work()
    item = ApprovalRequest.objects.get()
    decide(open_as("amara"), item, "Called the supplier.")
    item.refresh_from_db()
    assert item.status == "pending"
    services.drain()
    run = Run.objects.get()
    assert run.status == "waiting"
    decide(open_as("bruno"), item, "Letter of the bank seen.")
    services.drain()
    document = InvoiceDocument.objects.get()
    assert Supplier.objects.get(pk=document.supplier_id).iban == document.iban
    # The account is new now, so the payment is a question of its own.
    decide(open_as("amara"), ApprovalRequest.objects.get(status="pending"), "Same letter.")
    services.drain()
    run.refresh_from_db()
    assert run.status == "succeeded"
    assert Payment.objects.get().iban == document.iban


def decide(page: Page, item: ApprovalRequest, reason: str) -> None:
    """By keyboard only, from the overview on."""
    page.keyboard.press("g")
    page.keyboard.press("i")
    page.wait_for_url("**/inbox/")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page.locator("#pane h2")).to_be_focused()
    page.keyboard.press("a")
    page.keyboard.type(reason)
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("status").first).to_contain_text(f"C-{item.number}")


def test_a_suspended_agent_stops_and_the_page_says_what_was_in_flight(
    open_as: OpenAs, work: Callable[[], None]
) -> None:
    drop("changed_account")
    work()
    page = open_as("operator")
    page.goto("/agents/vendor-desk")
    page.get_by_role("link", name="Suspend").click()
    expect(page.locator("main")).to_contain_text("C-")
    page.get_by_label("Reason").fill("Looks wrong.")
    page.get_by_role("button", name="Suspend").click()
    expect(page.locator("main")).to_contain_text("Suspended")
    services.drain()
    assert ApprovalRequest.objects.get().status == "cancelled"
    assert Run.objects.get().status == "paused"
    drop("changed_account")
    time.sleep(0.01)
    work()
    assert not ApprovalRequest.objects.filter(status="pending").exists()


def test_letters_typed_into_the_reason_stay_letters(
    open_as: OpenAs, work: Callable[[], None]
) -> None:
    drop("changed_account")
    work()
    page = open_as("amara")
    page.goto(f"/inbox/C-{ApprovalRequest.objects.get().number}")
    page.keyboard.press("r")
    page.keyboard.type("jjkk a?")
    expect(page.locator("#reason")).to_have_value("jjkk a?")
    expect(page.get_by_label("Reject")).to_be_checked()


def test_a_decision_without_a_reason_keeps_the_choice_and_says_what_is_missing(
    open_as: OpenAs, work: Callable[[], None]
) -> None:
    drop("changed_account")
    work()
    page = open_as("amara")
    page.goto(f"/inbox/C-{ApprovalRequest.objects.get().number}")
    page.get_by_label("Reject").check()
    page.get_by_role("button", name="Record decision").click()
    expect(page.locator(".error-summary")).to_be_visible()
    expect(page.get_by_label("Reject")).to_be_checked()
    assert not ApprovalRequest.objects.get().votes.exists()


def test_the_inbox_works_without_scripts(open_as: OpenAs, work: Callable[[], None]) -> None:
    drop("changed_account")
    work()
    page = open_as("amara", java_script_enabled=False)
    page.goto("/inbox/")
    page.locator(".inbox-list a").first.click()
    page.get_by_label("Approve").check()
    page.locator("#reason").fill("Called the supplier.")
    page.get_by_role("button", name="Record decision").click()
    expect(page.locator(".messages")).to_contain_text("Your vote is recorded")


def test_new_items_are_announced_and_the_list_stays_put(
    open_as: OpenAs, work: Callable[[], None]
) -> None:
    drop("changed_account")
    work()
    page = open_as("amara")
    page.goto("/inbox/")
    drop("changed_account")
    for path in feeder.folder("in").iterdir():
        os.utime(path, (1, 1))
    work()
    page.evaluate(
        "htmx.ajax('GET', document.querySelector('#pulse').getAttribute('hx-get'), '#pulse')"
    )
    expect(page.locator("#pulse")).to_contain_text("1 new item")
    expect(page.locator(".inbox-list a")).to_have_count(1)
    assert Queue.objects.count() == 3
