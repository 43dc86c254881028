"""Each key of the inbox in a real browser: what it does, and that none of them decides alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from apps.access.models import User
from apps.approvals.models import ApprovalRequest, Vote
from tests.browser.test_the_desk import put

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
ANSWERS = {"a": "approve", "r": "reject", "s": "return", "e": "escalate"}
EVERY_KEY = "jkarsemnchxzgd/?"


def test_keys_move_open_and_choose_and_none_decides(open_as: Callable[..., Page]) -> None:
    for number in range(3):
        put(number)
    page = open_as("amara")
    page.goto("/inbox/")
    rows, keys = page.locator("[data-item]"), page.keyboard
    for key, place in (("j", 0), ("j", 1), ("k", 0)):
        keys.press(key)
        expect(rows.nth(place)).to_be_focused()
    keys.press("Enter")
    expect(page.locator("#pane h2")).to_be_focused()
    for key, value in ANSWERS.items():
        keys.press(key)
        expect(page.locator(f"input[name='choice'][value='{value}']")).to_be_checked()
        expect(page.locator("#reason")).to_be_focused()
        keys.press("Escape")
        expect(page.locator("#reason")).not_to_be_focused()
    keys.press("a")
    keys.type(EVERY_KEY)
    expect(page.locator("#reason")).to_have_value(EVERY_KEY)
    keys.press("Escape")
    keys.press("/")
    expect(page.locator("input[type='search']")).to_be_focused()
    keys.press("Escape")
    keys.press("?")
    expect(page.locator("#keys")).to_be_visible()
    keys.press("r")
    expect(page.locator("input[value='approve']")).to_be_checked()
    keys.press("Escape")
    expect(page.locator("#keys")).to_be_hidden()
    assert not Vote.objects.exists()
    assert set(ApprovalRequest.objects.values_list("status", flat=True)) == {"pending"}


def test_keys_lead_to_edit_ask_and_stand_ins_and_claim_and_snooze(
    open_as: Callable[..., Page],
) -> None:
    row = put(0)
    page = open_as("amara")
    place = f"/inbox/C-{row.number}"
    for key, there in (("m", f"**{place}/edit"), ("n", f"**{place}/ask"), ("d", "**/stand-ins")):
        page.goto(place)
        page.keyboard.press(key)
        page.wait_for_url(there)
    page.goto(place)
    page.keyboard.press("c")
    expect(page.get_by_role("button", name="Put back")).to_be_visible()
    page.wait_for_load_state()
    row.refresh_from_db()
    assert row.holder == User.objects.get(username="amara")
    page.keyboard.press("h")
    page.wait_for_url("**/inbox/")
    page.keyboard.press("g")
    page.keyboard.press("h")
    page.wait_for_url(lambda url: url.endswith("/") and "inbox" not in url)
    assert not Vote.objects.exists()


def test_what_is_approved_by_keys_is_taken_back_by_z(
    open_as: Callable[..., Page], settings: Any
) -> None:
    settings.COUNCIL = {**settings.COUNCIL, "DISPATCH_SECONDS": 120}
    first, _ = put(0), put(2)
    page = open_as("amara")
    page.goto(f"/inbox/C-{first.number}")
    page.keyboard.press("a")
    page.keyboard.type("It matches the order.")
    page.keyboard.press("Control+Enter")
    expect(page.locator("[data-undo]")).to_contain_text(f"{first.reference} approved.")
    expect(page.locator("[data-seconds]")).to_contain_text(" s)")
    page.keyboard.press("z")
    expect(page.locator(".messages")).to_contain_text(f"{first.reference} is taken back")


def test_x_chooses_the_row_where_several_are_decided_together(
    open_as: Callable[..., Page],
) -> None:
    for number in (0, 3):
        put(number)
    page = open_as("amara")
    page.goto("/inbox/together?tool=payments.schedule&rule=limit")
    boxes = page.locator("tbody input[type='checkbox']")
    page.keyboard.press("j")
    page.keyboard.press("x")
    expect(boxes.first).not_to_be_checked()
    expect(boxes.nth(1)).to_be_checked()
    page.keyboard.press("x")
    expect(boxes.first).to_be_checked()
    assert not Vote.objects.exists()


def test_who_switched_the_keys_off_types_in_vain(open_as: Callable[..., Page]) -> None:
    row = put(0)
    page = open_as("amara")
    User.objects.filter(username="amara").update(shortcuts=False)
    page.goto(f"/inbox/C-{row.number}")
    for key in EVERY_KEY:
        page.keyboard.press(key)
    assert page.url.endswith(f"/inbox/C-{row.number}")
    expect(page.locator("input[name='choice']:checked")).to_have_count(0)
    expect(page.locator("#keys")).to_be_hidden()
    row.refresh_from_db()
    assert row.holder is None
