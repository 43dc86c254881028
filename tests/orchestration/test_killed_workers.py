"""Real Celery workers, killed with -9 again and again while they work."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

pytestmark = pytest.mark.slow
INVOICES, KILLS, PATIENCE = 8, 6, 90.0
DROP = """
import django; django.setup()
from apps.pilots.invoices import feeder
from apps.pilots.invoices.models import PurchaseOrder
orders = PurchaseOrder.objects.filter(invoiced=0, amount__lte=900_000)[:{number}]
for order in orders:
    PurchaseOrder.objects.filter(invoiced=0).exclude(pk=order.pk).update(received=0)
    PurchaseOrder.objects.filter(pk=order.pk).update(received=order.amount)
    feeder.drop(feeder.next_invoice(""))
for order in orders:
    PurchaseOrder.objects.filter(pk=order.pk).update(received=order.amount)
"""


@pytest.fixture
def place(tmp_path: Path) -> tuple[Path, dict[str, str]]:
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "COUNCIL_VAR_DIR": str(tmp_path),
        "COUNCIL_SECRET_KEY": "only-for-this-test",
        "COUNCIL_DEMO": "0",
        "COUNCIL_LEASE_SECONDS": "2",
        "COUNCIL_DATABASE_URL": "",
        "C_FORCE_ROOT": "1",
    }
    for command in (["migrate", "-v0"], ["seed_demo"]):
        manage(environment, "manage.py", *command)
    return tmp_path, environment


def manage(environment: dict[str, str], *command: str) -> None:
    subprocess.run(
        [sys.executable, *command],
        cwd=settings.BASE_DIR,
        env=environment,
        check=True,
        stdout=subprocess.DEVNULL,
    )


def start(environment: dict[str, str], *what: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "celery", "-A", "config", "--quiet", *what],
        cwd=settings.BASE_DIR,
        env=environment,
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def worker(environment: dict[str, str]) -> subprocess.Popen[bytes]:
    return start(environment, "worker", "--queues", "control,steps", "--concurrency", "2",
                 "--without-gossip", "--without-mingle")  # fmt: skip


def kill(process: subprocess.Popen[bytes]) -> None:
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def asked(place: Path, question: str) -> Any:
    with sqlite3.connect(place / "council.sqlite3", timeout=20) as connection:
        return connection.execute(question).fetchone()[0]


def test_no_effect_is_lost_and_none_is_doubled(place: tuple[Path, dict[str, str]]) -> None:
    folder, environment = place
    manage(environment, "-c", DROP.format(number=INVOICES))
    beat = start(environment, "beat", "--schedule", str(folder / "beat"), "--pidfile", "")
    working = worker(environment)
    try:
        for _ in range(KILLS):
            wait_for_progress(folder)
            kill(working)
            empty_the_broker(folder)
            working = worker(environment)
        end = time.monotonic() + PATIENCE
        while finished(folder) < INVOICES and time.monotonic() < end:
            time.sleep(0.3)
    finally:
        kill(working)
        kill(beat)
    assert finished(folder) == INVOICES
    one_each = "select max(n) from (select count(*) n from {} group by document_id)"
    for table in ("invoices_posting", "invoices_payment"):
        assert asked(folder, f"select count(*) from {table}") == INVOICES  # noqa: S608
        assert asked(folder, one_each.format(table)) == 1
    done = asked(folder, "select count(*) from runtime_action where status = 'done'")
    effects = asked(folder, "select count(*) from runtime_effect where status = 'done'")
    assert done == effects


def finished(folder: Path) -> int:
    return int(asked(folder, "select count(*) from orchestration_run where status = 'succeeded'"))


def wait_for_progress(folder: Path) -> None:
    """Until something more is being done than before, so that the kill hits work."""
    question = "select count(*) from runtime_action"
    before, end = asked(folder, question), time.monotonic() + 15
    while asked(folder, question) <= before and time.monotonic() < end:
        time.sleep(0.05)


def empty_the_broker(folder: Path) -> None:
    for message in (folder / "broker" / "messages").iterdir():
        message.unlink(missing_ok=True)
