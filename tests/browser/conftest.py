"""A real Chromium before the real pages. Any console error or page error fails the test."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, sync_playwright

from apps.access.demo import PASSWORD
from apps.orchestration import services
from apps.pilots.invoices import intake
from apps.pilots.invoices.knowledge import folder

os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as found:
        yield found


@pytest.fixture(scope="session")
def browser(playwright: Playwright) -> Iterator[Browser]:
    path = os.environ.get("CHROMIUM", "/usr/bin/chromium")
    if not Path(path).exists():
        pytest.skip("No Chromium here; `make test` finds or installs one.")
    found = playwright.chromium.launch(executable_path=path, args=FLAGS)
    yield found
    found.close()


@pytest.fixture
def demo(transactional_db: None, live_server: Any) -> str:
    """The demonstration's people, agents and policies; its address."""
    call_command("seed_demo", verbosity=0)
    for path in folder("in").iterdir():
        path.unlink()
    return str(live_server.url)


@pytest.fixture
def open_as(browser: Browser, demo: str) -> Iterator[Callable[..., Page]]:
    """Signs a person in, in a window of their own; `size` in pixels, `scheme` light or dark."""
    contexts: list[BrowserContext] = []
    troubles: list[str] = []

    def sign_in(
        name: str, size: tuple[int, int] = (1280, 860), scheme: Any = "light", **options: Any
    ) -> Page:
        context = browser.new_context(
            base_url=demo,
            viewport={"width": size[0], "height": size[1]},
            color_scheme=scheme,
            **options,
        )
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda line: note(line.type, line.text))
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.goto("/sign-in")
        page.fill("#id_username", name)
        page.fill("#id_password", PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url(lambda url: "sign-in" not in url)
        return page

    def note(kind: str, text: str) -> None:
        # A refusal that the page shows (409, 422) is also a line in the browser's console.
        if kind == "error" and "status of 4" not in text:
            troubles.append(text)

    yield sign_in
    for context in contexts:
        context.close()
    assert troubles == []


@pytest.fixture
def work(demo: str) -> Callable[[], None]:
    """Takes in the folder and runs everything that is due, as worker and beat do."""

    def go() -> None:
        intake.sweep()
        services.drain()

    return go
