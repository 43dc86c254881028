"""The demonstration's own work, done once per test: payments with the people who let them pass."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from apps.access.models import User
from apps.orchestration.services import drain
from apps.pilots.invoices.knowledge import folder
from apps.policies import snapshot
from apps.runtime.models import Action
from tests.pilots.test_invoices import approve, drop_wanted, work


@pytest.fixture(autouse=True)
def own_folders(tmp_path: Path, settings: Any) -> Path:
    """Keys, checkpoints and packs of each test in a place of their own."""
    settings.LEDGER = {
        **settings.LEDGER,
        "KEY_DIR": tmp_path / "keys",
        "CHECKPOINT_DIR": tmp_path / "checkpoints",
        "PACK_DIR": tmp_path / "packs",
        "FINGERPRINTS": [],
        "CHECKPOINT_MAIL": [],
    }
    return tmp_path


@pytest.fixture
def demo(db: None) -> dict[str, User]:
    call_command("seed_demo", verbosity=0)
    for path in folder("in").iterdir():
        path.unlink()
    snapshot.forget()
    return {user.username: user for user in User.objects.all()}


@pytest.fixture
def paid(demo: dict[str, User]) -> Action:
    """A payment whose account was changed first, by two people, and approved by a third."""
    drop_wanted("changed_account")
    work()
    for name in ("clara", "bruno"):
        approve(demo[name])
    drain()
    approve(demo["amara"])
    drain()
    return Action.objects.get(tool_name="payments.schedule", status="done")
