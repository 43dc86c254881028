"""Goals 1 and 2: a durable verdict in process, and over HTTP."""

from __future__ import annotations

import datetime as dt
import http.client
import itertools
import json
import os
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import cedarpy
from django.conf import settings
from django.db import connection

from apps.access.models import User
from apps.access.services import create_department
from apps.common.clock import now
from apps.policies import snapshot
from apps.policies.adoption import enforce
from apps.policies.rules import JudgementRequest
from apps.policies.schema import context_converter, entities_of, schema_of
from apps.policies.services import create_policy, judge, save_draft
from apps.registry.models import Agent
from apps.registry.services import (
    activate_agent,
    grant,
    issue_credential,
    register_agent,
    register_tool,
)
from apps.runtime import gate, toolbox
from apps.runtime.rules import CallContext
from tests.bench.place import Row, alternating
from tests.support import SPEC, Shelf

AGENTS = 50
# What an outside agent does with its own hands: the door's usual case.
OWN = replace(SPEC, name="desk.put", executor="agent", compensation="", facts_schema={})
NUMBERS = itertools.count(1)


def world(rules: int) -> Agent:
    """Fifty agents with one tool, `rules` rules in force of which a tenth concern the tool."""
    department = create_department(slug="bench", name="Bench")
    owner = User.objects.create_user(username="owner", display_name="Owner")
    shelf = Shelf()
    toolbox.register(shelf)
    tool = register_tool(actor=None, spec=SPEC)
    own = register_tool(actor=None, spec=OWN)
    for number in range(AGENTS):
        agent = register_agent(
            actor=None,
            slug=f"agent-{number}",
            name=f"Agent {number}",
            purpose="Measures.",
            owner=owner,
            created_by=owner,
            sponsor=department,
        )
        for each in (tool, own):
            grant(
                actor=None,
                agent=agent,
                tool=each,
                expires_at=now() + dt.timedelta(days=9),
                reason="Bench",
            )
        activate_agent(actor=None, agent=agent, reason="Bench")
    more_rules(rules)
    return agent


def more_rules(rules: int) -> None:
    """A rule set of its own size; each call replaces the one before."""
    from apps.policies.models import Policy

    policy = Policy.objects.filter(slug="bench").first() or create_policy(
        actor=None, slug="bench", title="Bench", purpose=""
    )
    others = [
        f'@id("other-{number}") @reason("x") forbid (principal == Agent::"someone-{number}", '
        f'action == Action::"shelf.put", resource) when {{ context.args.amount > {number} }};'
        for number in range(rules)
    ]
    draft = save_draft(actor=None, policy=policy, text="\n".join(others))
    enforce(version=draft, reason="Bench")
    snapshot.forget()


def ask(agent: Agent) -> Callable[[], object]:
    def go() -> object:
        return gate.attempt(
            agent_id=agent.pk,
            tool="shelf.put",
            arguments={"thing": "book", "amount": 1},
            call=CallContext(idem_key=f"bench-{next(NUMBERS)}"),
        )

    return go


def bare_commit() -> Callable[[], object]:
    """One durable insert of a row of the same size, by raw SQL on the same connection."""
    filler = "x" * 600
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE IF NOT EXISTS bench_bare (id bigint, words text)")

    def go() -> None:
        with connection.cursor() as cursor:
            cursor.execute("INSERT INTO bench_bare VALUES (%s, %s)", [next(NUMBERS), filler])

    return go


def request(agent: Agent) -> JudgementRequest:
    context: dict[str, Any] = {
        "args": {"thing": "book", "amount": 1},
        "facts": {"stock": 0},
        "claims": {},
        "session": {"identified": False, "untrusted_read": False, "actions": 0},
        "agent": {
            "slug": agent.slug,
            "version": 1,
            "risk_tier": "low",
            "environment": "production",
        },
        "approvals": [],
        "now": now(),
    }
    return JudgementRequest(agent.slug, (), "shelf.put", context)


def bare_cedar(agent: Agent) -> Callable[[], object]:
    """Cedar alone on the whole set: every rule in force, and every agent's permit, with the same
    context and schema, made ready beforehand."""
    from apps.policies.queries import in_force

    texts = [version.text for version in in_force()]
    texts += [
        f'permit (principal == Agent::"agent-{number}", action == Action::"shelf.put", resource);'
        for number in range(AGENTS)
    ]
    policies = cedarpy.PolicySet.from_str("\n".join(texts))
    entities = entities_of(SPEC, agent.slug, ())
    spec = SPEC
    asked = request(agent)
    context = context_converter(spec)(asked.context)
    schema = schema_of([spec])
    query = {
        "principal": f'Agent::"{agent.slug}"',
        "action": 'Action::"shelf.put"',
        "resource": 'Tool::"shelf.put"',
        "context": context,
    }
    return lambda: cedarpy.is_authorized(query, policies, entities, schema)


def in_process(*, full: bool) -> list[Row]:
    agent = world(100)
    times = 400 if full else 120
    sqlite = connection.vendor == "sqlite"
    limit, place = (5, "SQLite FULL") if sqlite else (4, "PostgreSQL")
    found = alternating(times, ours=verdict_only(agent), bare=bare_commit(), whole=ask(agent))
    rows = [
        Row(
            f"1 durable verdict, 100 rules, against a bare commit ({place})",
            found["ours"],
            found["bare"],
            f"≤ {limit}",
            found["ours"] <= limit * found["bare"],
        ),
        Row(
            "1 verdict, effect and outcome together, against a bare commit",
            found["whole"],
            found["bare"],
            "shown",
            True,
        ),
    ]
    asked = request(agent)
    stamp = snapshot.read_stamp()
    cedar = alternating(times, ours=lambda: judge(asked, stamp=stamp), bare=bare_cedar(agent))
    rows.append(
        Row(
            "1 sliced judgement against Cedar on the whole set, 100 rules",
            cedar["ours"],
            cedar["bare"],
            "≤ 0.6",
            cedar["ours"] <= 0.6 * cedar["bare"],
        )
    )
    more_rules(5)
    few = alternating(times, ours=verdict_only(agent))["ours"]
    more_rules(1000)
    many = alternating(times, ours=verdict_only(agent))["ours"]
    rows.append(Row("1 verdict at 1,000 rules against 5", many, few, "≤ 3", many <= 3 * few))
    return rows


def verdict_only(agent: Agent) -> Callable[[], object]:
    """Up to and including the commit: the part of `attempt` before the effect begins."""
    from apps.runtime.gate import doors
    from apps.runtime.gate.case import Case

    def go() -> object:
        case = Case(
            agent.pk,
            "shelf.put",
            {"thing": "book", "amount": 1},
            CallContext(idem_key=f"bench-{next(NUMBERS)}"),
        )
        doors.earlier_answer(case, None)
        if doors.examined(case) is not None:
            raise RuntimeError("The gate stopped the bench.")
        return record_only(case)

    return go


def record_only(case: Any) -> object:
    from apps.common.rows import together
    from apps.common.writing import writing
    from apps.runtime.gate.record import tell, write

    with writing(), together():
        action = write(case, verdict="allow", status="allowed")
        tell(case, action, "allowed")
    return action


@contextmanager
def server(environment: dict[str, str]) -> Iterator[int]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    granian = str(Path(sys.executable).parent / "granian")
    process = subprocess.Popen(
        [granian, "--interface", "wsgi", "--port", str(port), "--workers", "1",
         "--blocking-threads", "4", "--no-ws", "--log-level", "error",
         "tests.bench.site:application"],
        cwd=settings.BASE_DIR,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        wait_for(port)
        yield port
    finally:
        process.terminate()
        process.wait()


def wait_for(port: int) -> None:
    end = time.monotonic() + 30
    while time.monotonic() < end:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1):
                return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError("The server did not start.")


class Client:
    """One keep-alive connection."""

    def __init__(self, port: int, key: str) -> None:
        self.tool = "desk.put"
        self.link = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self.headers = {"Content-Type": "application/json", "Authorization": f"Bearer {key}"}

    def ask(self) -> None:
        body = json.dumps({"tool": self.tool, "arguments": {"thing": "book", "amount": 1}})
        self.link.request("POST", "/api/v1/actions", body, self.headers)
        answer = self.link.getresponse()
        if json.loads(answer.read())["decision"] != "allow":
            raise RuntimeError("The door refused the bench.")

    def plain(self) -> None:
        self.link.request("GET", "/plain")
        self.link.getresponse().read()


def over_http(*, full: bool) -> list[Row]:
    agent = Agent.objects.get(slug="agent-0")
    more_rules(100)
    key = issue_credential(
        actor=None, agent=agent, label="bench", expires_at=now() + dt.timedelta(days=1)
    )[1]
    connection.close()
    with server(dict(os.environ)) as port:
        one = Client(port, key)
        times = 300 if full else 100
        found = alternating(times, ours=one.ask, plain=one.plain, bare=bare_commit())
        rows = [
            Row(
                "2 POST /api/v1/actions, one client, against a bare commit",
                found["ours"],
                found["bare"],
                "≤ 8",
                found["ours"] <= 8 * found["bare"],
            ),
            Row(
                "2 POST /api/v1/actions, one client, against a plain JSON view",
                found["ours"],
                found["plain"],
                "≤ 5.5",
                found["ours"] <= 5.5 * found["plain"],
            ),
        ]
        one.tool = "shelf.put"
        acted = alternating(times, ours=one.ask, bare=bare_commit())
        times_seen = crowd(port, key, clients=16, each=40 if full else 15)
    rows.append(
        Row(
            "2 the same with a tool of ours carried out, against a bare commit",
            acted["ours"],
            acted["bare"],
            "shown",
            True,
        )
    )
    middle = statistics.median(times_seen)
    tail = statistics.quantiles(times_seen, n=100)[98]
    rows.append(Row("2 sixteen clients: p99 against p50", tail, middle, "≤ 4", tail <= 4 * middle))
    return rows


def crowd(port: int, key: str, *, clients: int, each: int) -> list[float]:
    seen: list[float] = []

    def go() -> None:
        mine = Client(port, key)
        for _ in range(each):
            start = time.perf_counter()
            mine.ask()
            seen.append((time.perf_counter() - start) * 1000)

    threads = [threading.Thread(target=go) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return seen
