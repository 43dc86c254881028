"""The tests make their tables from the models; here a new installation makes its own."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

from django.apps import apps
from django.conf import settings


def test_a_new_installation_gets_the_tables_of_every_model(tmp_path: Path) -> None:
    environment = {**os.environ, "COUNCIL_VAR_DIR": str(tmp_path), "COUNCIL_SECRET_KEY": "x" * 50}
    environment.pop("COUNCIL_DATABASE_URL", None)
    environment["DJANGO_SETTINGS_MODULE"] = "config.settings"
    subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "manage.py", "migrate", "--verbosity", "0"],
        cwd=settings.BASE_DIR, env=environment, check=True,
    )  # fmt: skip
    [path] = tmp_path.glob("*.sqlite3")
    with sqlite3.connect(path) as connection:
        found = {row[0] for row in connection.execute("SELECT name FROM sqlite_master")}
        reasons = connection.execute(REASONS).fetchone()
        told = connection.execute(BOUND).fetchone()
    assert {model._meta.db_table for model in apps.get_models()} <= found
    assert reasons[0] > 0
    assert told == reasons, "what an installation brings is on record like everything else"


REASONS = "SELECT count(*) FROM approvals_historicalreasoncode"
BOUND = "SELECT count(*) FROM ledger_ledgerevent WHERE type = 'history.bound'"
