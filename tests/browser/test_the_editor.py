"""The Cedar editor: highlighted, completed, with errors on their lines, and without JavaScript."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from apps.policies.models import PolicyVersion

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_errors_stand_on_their_lines_and_nothing_typed_is_lost(
    open_as: Callable[..., Page], scheme: str
) -> None:
    page = open_as("member", scheme=scheme)
    page.goto("/policies/payment-approval/edit")
    expect(page.locator(".ace_keyword").first).to_be_visible()
    page.locator(".ace_content").click()
    page.keyboard.press("Control+End")
    page.keyboard.insert_text(
        '\n@id("typo") @reason("x") forbid (principal, action == Action::"payments.schedule",'
        " resource) when { context.facts.amout > 5 };\n"
    )
    page.get_by_role("button", name="Save draft").click()
    expect(page.locator(".error-summary")).to_contain_text("amout")
    expect(page.locator(".ace_gutter-cell.ace_error").first).to_be_visible()
    assert "amout" in page.locator("textarea#text").input_value()
    assert PolicyVersion.objects.filter(policy__slug="payment-approval").count() == 1


def test_a_word_of_the_schema_is_completed(open_as: Callable[..., Page]) -> None:
    page = open_as("member")
    page.goto("/policies/payment-approval/edit")
    page.locator(".ace_content").click()
    page.keyboard.press("Control+End")
    page.keyboard.type("\ncontext.facts.account_k")
    expect(page.locator(".ace_autocomplete")).to_contain_text("context.facts.account_known_days")
    page.keyboard.press("Escape")


def test_the_text_is_saved_without_javascript(open_as: Callable[..., Page]) -> None:
    page = open_as("member", java_script_enabled=False)
    page.goto("/policies/payment-approval/edit")
    text = page.locator("textarea#text").input_value()
    page.fill("textarea#text", text.replace("1000000", "1100000"))
    page.get_by_role("button", name="Save draft").click()
    expect(page.locator("h1")).to_contain_text("Payment approval v2")
