"""Goals 5 and 6: backtests against bare Cedar, and the analysis of rule sets of several sizes."""

from __future__ import annotations

import datetime as dt
import json
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import Any

import cedarpy

from apps.common.clock import now
from apps.common.ids import uuid7
from apps.policies import backtests, bench
from apps.policies.analysis.grid import differences, weaknesses
from apps.policies.models import JudgedRequest, Policy
from apps.policies.services import save_draft
from apps.policies.snapshot import Slice
from apps.policies.text import Compiled, compile_text
from tests.bench.place import Row, per_call
from tests.bench.verdicts import more_rules
from tests.support import SPEC

AGENTS = 10


def backtest(*, full: bool) -> list[Row]:
    number = 100_000 if full else 10_000
    more_rules(100)
    policy = Policy.objects.get(slug="bench")
    text = policy.versions.get(status="in_force").text
    looser = text + '\n@id("limit") @reason("x") forbid (principal, action == '
    looser += 'Action::"shelf.put", resource) when { context.args.amount > 900 };'
    draft = save_draft(actor=None, policy=policy, text=looser)
    record_requests(number)
    names = ("one", "two", "bare", "bare two", "one busy", "two busy")
    found: dict[str, list[float]] = {name: [] for name in names}
    rules = bench.rules_in_force(), bench.rules_with(draft)
    for _ in range(3):
        for hands, name in ((1, "one"), (2, "two")):
            row = backtests.start_backtest(actor=None, version=draft, most=number)
            spent, busy = in_processes(hands, "replay", str(row.pk))
            found[name].append(spent)
            found[f"{name} busy"].append(busy)
            row.refresh_from_db()
            if (row.status, row.done) != ("done", number):
                raise RuntimeError(f"{row.status}: {row.done} of {number} were replayed.")
        found["bare"].append(sum(bare_cedar(each, number) for each in rules))
        found["bare two"].append(in_processes(2, "cedar", str(draft.pk), str(number // 2))[0])
    one, two, bare, bare_two, one_busy, two_busy = (
        statistics.median(times) for times in found.values()
    )
    name = f"5 backtest of {number:,} actions, both sides, against bare Cedar in memory"
    return [
        Row(name, one, bare, "≤ 1.3", one <= 1.3 * bare, unit="s"),
        Row("5 one process against two", one, two, "≥ 1.8", one >= 1.8 * two, unit="s"),
        Row("5 the same for bare Cedar: what this machine gives", bare, bare_two, "shown", True,
            unit="s"),
        Row("5 processor time of one against the busier of two", one_busy, two_busy, "shown", True,
            unit="s"),
    ]  # fmt: skip


def in_processes(hands: int, *work: str) -> tuple[float, float]:
    """Seconds until that many processes, all ready before the clock starts, have done the work;
    and the processor time of the busiest."""
    command = [sys.executable, "-m", "tests.bench.hands", *work]
    children = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(hands)
    ]
    for child in children:
        said(child, "ready")
    start = time.perf_counter()
    for child in children:
        child.stdin.write("go\n")  # type: ignore[union-attr]
        child.stdin.flush()  # type: ignore[union-attr]
    busy = max(float(said(child, "done")) for child in children)
    spent = time.perf_counter() - start
    for child in children:
        child.communicate()
    return spent, busy


def said(child: subprocess.Popen[str], word: str) -> str:
    """What a process says after the word that is expected of it."""
    line = child.stdout.readline().strip()  # type: ignore[union-attr]
    if not line.startswith(word):
        raise RuntimeError(f"A process of the bench said {line!r} instead of {word!r}.")
    return line.removeprefix(word).strip()


def record_requests(number: int) -> None:
    moment = now()
    for start in range(0, number, 5_000):
        JudgedRequest.objects.bulk_create(
            JudgedRequest(
                id=uuid7(),
                at=moment - dt.timedelta(milliseconds=index),
                agent_slug=f"agent-{index % AGENTS}",
                tool="shelf.put",
                request=request(index),
                request_digest="",
                effect="allow",
                policy_digest="",
            )
            for index in range(start, min(start + 5_000, number))
        )


def request(index: int) -> dict[str, Any]:
    agent = f"agent-{index % AGENTS}"
    return {
        "agent": agent,
        "roles": [],
        "tool": "shelf.put",
        "context": {
            "args": {"thing": "book", "amount": index % 1_000},
            "facts": {"stock": 0},
            "claims": {},
            "session": {"identified": False, "untrusted_read": False, "actions": 0},
            "agent": {
                "slug": agent, "version": 1, "risk_tier": "low", "environment": "production",
            },
            "approvals": [],
            "now": "2026-03-01T12:00:00.000000Z",
        },
    }  # fmt: skip


def bare_cedar(rules: Sequence[Compiled], number: int) -> float:
    """The same questions, ready in memory, on the same slices; only Cedar is timed."""
    return time_cedar(questions_for(rules, number))


def questions_for(
    rules: Sequence[Compiled], number: int
) -> list[tuple[Slice, list[dict[str, Any]]]]:
    found = bench.Bench(rules, bench.specs())
    asked = []
    for agent in range(AGENTS):
        requests = [request(index) for index in range(agent, number, AGENTS)]
        cut = found.slice(bench.key_of(requests[0]))
        questions = [
            {
                "principal": {"type": "Agent", "id": each["agent"]},
                "action": {"type": "Action", "id": "shelf.put"},
                "resource": {"type": "Tool", "id": "shelf.put"},
                "context": json.dumps(bench.context_of(cut, each)),
            }
            for each in requests
        ]
        asked.append((cut, questions))
    return asked


def time_cedar(asked: Sequence[tuple[Slice, list[dict[str, Any]]]]) -> float:
    start = time.perf_counter()
    for cut, questions in asked:
        for first in range(0, len(questions), 1_000):
            part = questions[first : first + 1_000]
            cedarpy.is_authorized_batch(part, cut.policies, cut.entities, cut.schema)
    return time.perf_counter() - start


def random_rules(number: int, seed: int) -> list[Compiled]:
    """Rules over a few attributes with constants of their own; a fifth ask people."""
    chance = random.Random(seed)
    texts = []
    for index in range(number):
        low = chance.randrange(0, 2_000)
        condition = chance.choice(
            [
                f"context.args.amount > {low}",
                f"context.args.amount > {low} && context.args.amount < {low + 50}",
                f'context.args.thing == "thing-{chance.randrange(12)}" && '
                f"context.args.amount > {low}",
                f"context.session.untrusted_read && context.args.amount < {low}",
            ]
        )
        asks = chance.random() < 0.2
        marks = '@checkpoint("look") @approvers("1")' if asks else ""
        lifted = 'unless { context.approvals.contains("look") }' if asks else ""
        texts.append(
            f'@id("r{index}") @reason("x") {marks} forbid (principal, action == '
            f'Action::"shelf.put", resource) when {{ {condition} }} {lifted};'
        )
    return compile_text("\n".join(texts), policy="p", version=1)


def analysis(*, full: bool) -> list[Row]:
    rows = []
    smallest: dict[str, float] = {}
    for size in (8, 50, 200, 500):
        before, after = random_rules(size, 1), random_rules(size, 1)[:-2] + random_rules(2, 7)
        times = 1 if size > 50 and not full else 3
        found = {
            "diff": per_call(lambda b=before, a=after: differences(SPEC, b, a), times),  # type: ignore[misc]
            "lint": per_call(lambda b=before: weaknesses([SPEC], b), times),  # type: ignore[misc]
        }
        smallest = smallest or found
        rows += [
            Row(f"6 {name} of {size} rules, against 8", spent, smallest[name], "shown", True)
            for name, spent in found.items()
        ]
    return rows


def proofs(*, full: bool) -> list[Row]:
    return [*backtest(full=full), *analysis(full=full)]
