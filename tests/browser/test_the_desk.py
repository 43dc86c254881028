"""A hundred mixed items by keyboard alone, and a list that stays put under the hands."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from apps.approvals.models import ApprovalRequest, Checkpoint, Vote
from apps.approvals.services import ask
from apps.common.ids import uuid7
from apps.policies.rules import CheckpointAsk
from apps.registry.models import Agent

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
FIVE_MINUTES = 300
SHOTS = Path(__file__).with_name("shots")


def put(number: int) -> ApprovalRequest:
    """A question as the gate puts it; risks and actions are mixed."""
    names = ["payment-approval", "vendor-data"]
    checkpoint = Checkpoint.objects.get(slug=names[number % 2])
    return ask(
        agent=Agent.objects.get(slug="invoice-payables"),
        action_ref=uuid7(),
        tool="payments.schedule",
        intent_digest=f"{number:064d}",
        action_digest="d" * 64,
        title=f"Pay invoice {number} of Fjord Metals, EUR {number * 100}.00",
        summary="Payments over the limit need a person.",
        risk=["low", "medium", "high"][number % 3],
        asks=[CheckpointAsk(checkpoint.slug, 1, 3600 + number, False, "limit", "Over the limit.")],
        evidence={
            "purpose": "Pay what is due.",
            "why": [{"policy": "payment-approval", "version": 1, "rule_id": "limit",
                     "sentence": "Over the limit."}],
            "will_happen": {"sentence": "A payment is scheduled.", "before": {"status": "posted"},
                            "after": {"status": "scheduled"}, "reversible": True},
            "facts": {"amount": {"value": number * 100, "source": "back office"}},
        },
    )  # fmt: skip


def test_a_hundred_mixed_items_by_keyboard_alone(open_as: Callable[..., Page]) -> None:
    for number in range(100):
        put(number)
    page = open_as("amara")
    page.keyboard.press("g")
    page.keyboard.press("i")
    page.wait_for_url("**/inbox/")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page.locator("#pane h2")).to_be_focused()
    SHOTS.mkdir(exist_ok=True)
    start = time.monotonic()
    for number in range(100):
        if number in (0, 50, 99):
            page.screenshot(path=SHOTS / f"item-{number + 1}.png")
        reference = page.locator("#pane h2 ~ p, #pane p .muted").first.inner_text()
        page.keyboard.press("ars"[number % 3])
        expect(page.locator("#reason")).to_be_focused()
        page.keyboard.type(f"Checked {number}.")
        page.keyboard.press("Control+Enter")
        page.wait_for_function(
            "old => document.readyState === 'complete'"
            " && document.querySelector('#pane p .muted')?.innerText !== old",
            arg=reference,
            timeout=10_000,
        )
    spent = time.monotonic() - start
    assert Vote.objects.filter(voter__username="amara").count() == 100
    assert spent < FIVE_MINUTES
    print(f"100 items in {spent:.0f} s")  # noqa: T201


def test_new_items_are_told_and_move_nothing(open_as: Callable[..., Page]) -> None:
    for number in range(3):
        put(number)
    page = open_as("amara")
    page.goto("/inbox/")
    before = page.locator(".inbox-list a").all_inner_texts()
    put(99)
    page.evaluate("htmx.trigger('#pulse', 'htmx:poll')")
    page.evaluate(
        "htmx.ajax('GET', document.querySelector('#pulse').getAttribute('hx-get'), '#pulse')"
    )
    expect(page.locator("#pulse")).to_contain_text("1 new item")
    assert page.locator(".inbox-list a").all_inner_texts() == before


def test_snooze_by_key_and_wake(open_as: Callable[..., Page]) -> None:
    row = put(1)
    page = open_as("amara")
    page.goto(f"/inbox/C-{row.number}")
    page.keyboard.press("h")
    page.wait_for_url("**/inbox/")
    expect(page.get_by_text("All done")).to_be_visible()
    page.goto("/inbox/?view=snoozed")
    expect(page.locator(".inbox-list")).to_contain_text("Pay invoice 1")


def test_alike_items_are_decided_together(open_as: Callable[..., Page]) -> None:
    rows = [put(number) for number in (0, 3, 6, 9)]
    page = open_as("amara")
    for row in rows[:2]:
        with page.expect_response("**/look"):
            page.goto(f"/inbox/C-{row.number}")
    page.goto("/inbox/together")
    page.get_by_role("link", name="4 × payments.schedule").click()
    page.get_by_label("Approve", exact=True).check()
    page.get_by_label("Reason", exact=True).fill("All from the same contract.")
    page.get_by_role("button", name="Record the decisions").click()
    expect(page.locator("#results + ul li")).to_have_count(4)
