"""Goal 10, its second half: from the click that contains an agent to the last receipt of what
enforces it, and until nothing is in flight any more; with 200 questions waiting and 20 steps
running, against the same click beside nothing, in rounds that take turns."""

from __future__ import annotations

import datetime as dt
import os
import re
import statistics
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.db import connection, transaction
from django.test import Client

from apps.access.models import User
from apps.access.services import create_department, give_role
from apps.approvals.models import ApprovalRequest
from apps.approvals.services import ask, create_checkpoint, create_queue, entrust
from apps.common.acting import acting
from apps.common.clock import now
from apps.common.ids import uuid7
from apps.incidents.models import Containment, Incident, Receipt
from apps.incidents.services import lifting, opening, receipts
from apps.incidents.states import Point
from apps.orchestration import definitions
from apps.orchestration.definitions import Finish, RunState, StepSpec
from apps.orchestration.models import Run, Step
from apps.orchestration.services import bring_back, install_workflow, start_run
from apps.orchestration.services.moves import pause
from apps.orchestration.states import LIVE_RUNS, RunStatus, StepStatus
from apps.policies.adoption import enforce
from apps.policies.rules import CheckpointAsk
from apps.policies.services import create_policy, save_draft
from apps.registry.models import Agent
from apps.registry.services import activate_agent, grant, register_agent, register_tool
from apps.runtime import toolbox
from apps.runtime.models import Process
from tests.bench.place import Row
from tests.bench.verdicts import server
from tests.support import SPEC, Shelf

WAITING, RUNNING, GOAL = 200, 20, 2_000.0
RUNS = RUNNING + 3  # some are always between two steps
STEP_SECONDS = 5.0
PATIENCE = 60.0
SLOW = replace(SPEC, name="slow.put", compensation="slow.put", resource_keys=())
PASSWORD = "bench-only"


class SlowShelf(Shelf):
    """A system that takes its time."""

    name = "slow"

    def perform(self, call: Any) -> Any:
        time.sleep(STEP_SECONDS)
        return super().perform(call)


class Endless:
    """One step after the other, as long as it is let."""

    slug, title, version = "endless", "Endless", 1

    def next(self, state: RunState) -> Sequence[StepSpec] | Finish:
        number = sum(state.done(f"s{index}") for index in range(len(state.steps)))
        arguments = {"thing": f"book {number}", "amount": 1}
        return [StepSpec(f"s{number}", "busy", SLOW.name, arguments)]


def prepare() -> None:
    if SLOW.name not in toolbox.SHELF:
        toolbox.register(SlowShelf(SLOW))
        definitions.register(Endless())


def contain(*, full: bool) -> list[Row]:
    rounds = 12 if full else 5
    prepare()
    call_command("collectstatic", interactive=False, verbosity=0)
    agent = world()
    connection.close()
    idle, loaded = [], []
    with server(dict(os.environ)) as port, workers():
        person = Signed(port, "responder")
        until(lambda: Process.objects.count() == RUNS + 2)  # and those of sweeps and of the web
        for number in range(RUNS):
            start_run(workflow="endless", trigger={"n": number}, subject=f"busy {number}")
        for _ in range(rounds):
            until(at_rest)
            idle.append(once(agent, person, load=False))
            go_on()
            loaded.append(once(agent, person, load=True))
    under = f"{WAITING} waiting, {RUNNING} running"
    receipt = f"10 click to last receipt of what enforces, {under}"
    ended = f"10 click until nothing is in flight, {under}, {STEP_SECONDS:g} s a step"
    return [
        row(f"{receipt}, median of {rounds}", statistics.median, RECEIPT, loaded, idle, GOAL),
        row(f"{receipt}, the slowest", max, RECEIPT, loaded, idle, GOAL),
        row(f"{ended}, median of {rounds}", statistics.median, ENDED, loaded, idle, None),
        row(f"{ended}, the slowest", max, ENDED, loaded, idle, None),
    ]


def at_rest() -> bool:
    """Pauses what goes on, at the boundary of its step; whether nothing runs any more."""
    with acting(label="Bench", trigger="bench"):
        for run in Run.objects.filter(status__in=LIVE_RUNS):
            with transaction.atomic():
                pause(run, "person", "Bench")
    return not Step.objects.filter(status=StepStatus.RUNNING).exists()


def go_on() -> None:
    with acting(label="Bench", trigger="bench"):
        for run in Run.objects.filter(status=RunStatus.PAUSED):
            bring_back(run, "Bench")


RECEIPT, ENDED = 0, 1
Times = list[tuple[float, float]]


def row(
    name: str, of: Callable[[list[float]], float], which: int, ours: Times, alone: Times,
    goal: float | None,
) -> Row:  # fmt: skip
    mine, other = (of([each[which] for each in times]) * 1000 for times in (ours, alone))
    words = f"≤ {goal:,.0f} ms" if goal else "shown"
    return Row(name, mine, other, words, goal is None or mine <= goal)


def world() -> Agent:
    department = create_department(slug="load", name="Load")
    owner = User.objects.create_user(username="busy-owner", display_name="Owner")
    responder = User.objects.create_user(
        username="responder", password=PASSWORD, display_name="Responder"
    )
    for role in ("operator", "council_member", "approver"):
        give_role(actor=None, user=responder, role=role, reason="Bench")
    tool = register_tool(actor=None, spec=SLOW)
    agent = register_agent(
        actor=None, slug="busy", name="Busy", purpose="Is measured.", owner=owner,
        created_by=owner, sponsor=department,
    )  # fmt: skip
    grant(actor=None, agent=agent, tool=tool, expires_at=now() + dt.timedelta(days=9),
          reason="Bench")  # fmt: skip
    activate_agent(actor=None, agent=agent, reason="Bench")
    policy = create_policy(actor=None, slug="slow", title="Slow", purpose="")
    rule = '@id("all") @reason("Bench.") permit (principal, action, resource);'
    enforce(version=save_draft(actor=None, policy=policy, text=rule), reason="Bench")
    queue = create_queue(actor=None, slug="load", name="Load")
    entrust(actor=None, queue=queue, user=responder, reason="Bench")
    create_checkpoint(actor=None, slug="load", title="Load", queue=queue)
    install_workflow(definition=Endless())
    agent.refresh_from_db()
    return agent


@contextmanager
def workers() -> Iterator[None]:
    """A worker for sweeps, and one with a process for every run."""
    started = [
        subprocess.Popen(
            [sys.executable, "-m", "celery", "-A", "tests.bench.contain_app", "--quiet", "worker",
             "--queues", queue, "--concurrency", str(number), "--without-gossip",
             "--without-mingle", "--loglevel", "ERROR", "--hostname", f"{queue}@bench"],
            cwd=settings.BASE_DIR,
            env={**os.environ, "C_FORCE_ROOT": "1"},
            start_new_session=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for queue, number in (("control", 1), ("steps", RUNS))
    ]  # fmt: skip
    try:
        yield
    finally:
        for process in started:
            process.terminate()
        for process in started:
            process.wait()


class Signed:
    """A person signed in at the web server, as a browser is."""

    def __init__(self, port: int, name: str) -> None:
        self.base = f"http://127.0.0.1:{port}"
        client = Client()
        client.force_login(User.objects.get(username=name))
        self.cookie = f"{settings.SESSION_COOKIE_NAME}={client.session.session_key}"
        connection.close()

    def fetch(self, path: str, data: Mapping[str, str] | None = None, more: str = "") -> Any:
        body = urllib.parse.urlencode(data).encode() if data is not None else None
        request = urllib.request.Request(
            self.base + path, body, {"Cookie": self.cookie + more, "Referer": self.base + path}
        )
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 - our own server
            return answer.read().decode(), answer.headers

    def post(self, path: str, data: Mapping[str, str]) -> float:
        """Opens the page and sends its form. Answers when the button was clicked."""
        text, headers = self.fetch(path)
        token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', text)
        crumb = re.search(r"csrftoken=(\w+)", headers.get("Set-Cookie", ""))
        if token is None or crumb is None:
            raise RuntimeError(f"{path} has no form.")
        clicked = time.time()
        self.fetch(path, {**data, "csrfmiddlewaretoken": token[1]}, f"; csrftoken={crumb[1]}")
        return clicked


def once(agent: Agent, person: Signed, *, load: bool) -> tuple[float, float]:
    """Seconds from the click to the last receipt of what enforces, and to the last of all, that no
    step runs any more. Ends with the agent at work."""
    if load:
        for number in range(WAITING):
            put(agent, number)
        until(lambda: Step.objects.filter(status="running").count() >= RUNNING)
    with acting(label="Bench", trigger="bench"):
        incident = opening.report(
            actor=User.objects.get(username="responder"), title="Busy", summary="", kind="event",
            severity=3, agents=[agent],
        )  # fmt: skip
    waiting = ApprovalRequest.objects.filter(agent=agent, status="pending").count()
    if waiting != (WAITING if load else 0):
        raise RuntimeError(f"{waiting} questions wait.")
    connection.close()
    clicked = person.post(
        f"/incidents/I-{incident.number}/contain",
        {f"do:agent:{agent.slug}": "suspend", "reason": "Bench", "hours": "1"},
    )
    owed = Receipt.objects.filter(incident=incident)
    until(lambda: owed.exists() and not owed.filter(confirmed_at=None).exists())
    if owed.count() != RUNS + 5:  # registry, approvals, runs, and each process
        raise RuntimeError(f"There are {owed.count()} receipts.")
    last = {
        row.point: max(
            each.confirmed_at.timestamp() - clicked
            for each in owed
            if each.confirmed_at and each.point == row.point
        )
        for row in owed
    }
    put_back(incident)
    return max(last[point] for point in last if point != Point.ORCHESTRATION), max(last.values())


def put_back(incident: Incident) -> None:
    person = User.objects.get(username="responder")
    with acting(label="Bench", trigger="bench"):
        for row in Containment.objects.filter(incident=incident, lifted_at=None):
            lifting.lift(actor=person, containment_id=row.pk, reason="Bench")

    def gone() -> bool:
        receipts.collect(incident)
        return not Receipt.objects.filter(incident=incident, confirmed_at=None).exists()

    until(gone)


def put(agent: Agent, number: int) -> None:
    ask(
        agent=agent,
        action_ref=uuid7(),
        tool=SLOW.name,
        intent_digest=f"{uuid7().hex:0>64}",
        action_digest="d" * 64,
        title=f"Put {number} books",
        summary="More than ten.",
        risk="low",
        asks=[CheckpointAsk("load", 1, 86_400, False, "rule", "More than ten.")],
        evidence={"why": [], "will_happen": {"sentence": "Books.", "before": {}, "after": {}}},
    )


def until(true: Any) -> None:
    start = time.monotonic()
    while not true():
        if time.monotonic() - start > PATIENCE:
            raise RuntimeError("It did not come to be in time.")
        time.sleep(0.02)
