"""Goal 3: governed steps per second through real Celery workers, against bare tasks."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from celery import shared_task
from django.conf import settings
from django.db import connection

from apps.orchestration import definitions
from apps.orchestration.definitions import Finish, RunState, StepSpec
from apps.orchestration.models import Run
from apps.orchestration.services import install_workflow, start_run
from apps.runtime import toolbox
from tests.bench.place import Row
from tests.support import Shelf

PATIENCE = 120.0


class OwnShelf(Shelf):
    """Effects in our own database, as the pilots' are."""

    transactional = True


class ThreeSteps:
    slug, title, version = "three-steps", "Three steps", 1

    def next(self, state: RunState) -> Sequence[StepSpec] | Finish:
        for number in range(3):
            if not state.done(f"s{number}"):
                arguments = {"thing": f"book {number}", "amount": 1}
                return [StepSpec(f"s{number}", "agent-0", "shelf.put", arguments)]
        return Finish("done", "Done.")


@shared_task(name="bench.bare")
def bare() -> None:
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO bench_bare VALUES (%s, %s)", [0, "task"])


def prepare() -> None:
    toolbox.SHELF.pop("shelf.put", None)
    toolbox.register(OwnShelf())
    definitions.register(ThreeSteps())


@contextmanager
def worker() -> Iterator[None]:
    process = subprocess.Popen(
        [sys.executable, "-m", "celery", "-A", "tests.bench.celery_app", "--quiet", "worker",
         "--queues", "control,steps", "--concurrency", "2", "--without-gossip",
         "--without-mingle", "--loglevel", "ERROR"],
        cwd=settings.BASE_DIR,
        env={**os.environ, "C_FORCE_ROOT": "1"},
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield
    finally:
        process.terminate()
        process.wait()


def count(question: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(question)
        return int(cursor.fetchone()[0])


def until(question: str, wanted: int) -> float:
    """Seconds until the question is answered with at least `wanted`."""
    start = time.monotonic()
    while count(question) < wanted:
        if time.monotonic() - start > PATIENCE:
            raise RuntimeError("The worker did not finish in time.")
        time.sleep(0.02)
    return time.monotonic() - start


FINISHED = "SELECT count(*) FROM orchestration_run WHERE status = 'succeeded'"
TASKS = "SELECT count(*) FROM bench_bare WHERE words = 'task'"


def through_celery(*, full: bool) -> list[Row]:
    prepare()
    install_workflow(definition=ThreeSteps())
    runs = 40 if full else 15
    with worker():
        start_run(workflow="three-steps", trigger={}, subject="warm")
        until(FINISHED, 1)
        alone = [one_run() for _ in range(5)]
        tasks = runs * 3
        before = count(TASKS)
        for _ in range(tasks):
            bare.apply_async(queue="steps")
        plain = tasks / until(TASKS, before + tasks)
        before = count(FINISHED)
        for number in range(runs):
            start_run(workflow="three-steps", trigger={"n": number}, subject="bench")
        governed = tasks / until(FINISHED, before + runs)
    return [
        Row(
            "3 governed steps per second against bare tasks with one commit",
            governed,
            plain,
            "≥ 0.3",
            governed >= 0.3 * plain,
            unit="/s",
        ),
        Row(
            "3 one run of three steps, trigger to done",
            statistics.median(alone) * 1000,
            1000,
            "shown",
            True,
        ),
    ]


def one_run() -> float:
    before = Run.objects.filter(status="succeeded").count()
    start = time.monotonic()
    start_run(workflow="three-steps", trigger={}, subject="alone")
    until(FINISHED, before + 1)
    return time.monotonic() - start
