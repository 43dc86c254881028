"""Goal 9: what the ledger costs a governed write, what the sealer costs writers, and how fast
sealing and verification are."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from django.db import connection, transaction

from apps.access.models import User
from apps.access.services import create_department
from apps.common.rows import insert
from apps.common.writing import writing
from apps.ledger import checkpoints, keys, sealing
from apps.ledger.models import LedgerEvent
from apps.ledger.services import record
from apps.ledger.verification import verify
from apps.registry.models import Agent
from apps.registry.services import register_agent
from tests.bench.place import ROUNDS, Row, alternating

WRITERS = 2


def recorded(*, full: bool) -> list[Row]:
    keys.make_first()
    agent = governed()
    rows = [cost_of_a_write(agent, 200 if full else 60)]
    rows.append(writers_and_sealer(2_000 if full else 400))
    return [*rows, *speeds(200_000 if full else 20_000)]


def governed() -> Agent:
    department = create_department(slug="record", name="Record")
    owner = User.objects.create_user(username="keeper", display_name="Keeper")
    return register_agent(
        actor=None, slug="recorded", name="Recorded", purpose="Is changed.", owner=owner,
        created_by=owner, sponsor=department,
    )  # fmt: skip


def cost_of_a_write(agent: Agent, times: int) -> Row:
    def alone() -> None:
        with transaction.atomic():
            agent.name = f"Name {time.perf_counter_ns()}"
            agent.save()
            connection.run_on_commit.clear()

    def told() -> None:
        with transaction.atomic():
            agent.name = f"Name {time.perf_counter_ns()}"
            agent.save()
            record(type="agent.changed", object=agent)

    found = alternating(times, alone=alone, told=told)
    ratio = found["told"] / found["alone"]
    name = "9 governed write with history and ledger, against history alone"
    return Row(name, found["told"], found["alone"], "≤ 1.4", ratio <= 1.4)


def writers_and_sealer(number: int) -> Row:
    """Events per second of writers that record, with the sealer at its interval and without."""
    samples: dict[bool, list[float]] = {True: [], False: []}
    for _ in range(ROUNDS):
        for sealed in (False, True):
            samples[sealed].append(rate(number, sealed=sealed))
    middle = ROUNDS // 2
    ours, bare = sorted(samples[True])[middle], sorted(samples[False])[middle]
    name = f"9 {WRITERS} writers with the sealer running, against without"
    return Row(name, ours, bare, "≥ 0.9", ours >= 0.9 * bare, unit="/s")


def rate(number: int, *, sealed: bool) -> float:
    stop = threading.Event()

    def write() -> None:
        for _ in range(number // WRITERS):
            with writing():
                record(type="run.started")

    def seal() -> None:
        while not stop.wait(1.0):
            sealing.seal()

    sealer = apart(seal) if sealed else None
    start = time.perf_counter()
    for thread in [apart(write) for _ in range(WRITERS)]:
        thread.join()
    spent = time.perf_counter() - start
    stop.set()
    if sealer:
        sealer.join()
    sealing.seal(everything=True)
    return number / spent


def apart(work: Callable[[], None]) -> threading.Thread:
    def run() -> None:
        try:
            work()
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def speeds(number: int) -> list[Row]:
    """Per second of this process's own time, so that a busy machine changes little; on PostgreSQL
    the server's share is not in it."""
    fill(number)
    start = time.process_time()
    sealed = sealing.seal(everything=True)
    sealing_rate = sealed / (time.process_time() - start)
    start = time.process_time()
    checkpoints.make()
    signing = time.process_time() - start
    start = time.process_time()
    report = verify()
    verifying_rate = report.events / (time.process_time() - start)
    if not report.intact or report.events < number:
        raise RuntimeError(report.verdict)
    return [
        Row(f"9 sealing {sealed:,} events", sealing_rate, 20_000, "≥ 20,000 per second",
            sealing_rate >= 20_000, unit="/s"),
        Row(f"9 verifying {report.events:,} events, all fields", verifying_rate, 100_000,
            "≥ 100,000 per second", verifying_rate >= 100_000, unit="/s"),
        Row("9 a checkpoint over all of them", signing * 1000, 1000, "shown", True),
    ]  # fmt: skip


def fill(number: int) -> None:
    """Events as the gate records them, with facts and versions of policies."""
    with transaction.atomic():
        pattern = record(
            type="action.allowed", outcome="allowed", reason="Nothing objects.",
            after={"tool": "shelf.put", "facts": {"stock": {"value": 3, "source": "shelf"}},
                   "rules": ["default"], "intent_digest": "0" * 64, "action_digest": "1" * 64},
            data_used=[{"ref": "invoice-1", "digest": "2" * 64}], policy_versions={"bench": 3},
        )  # fmt: skip
        values = {field.attname: getattr(pattern, field.attname)
                  for field in LedgerEvent._meta.concrete_fields}  # fmt: skip
        make = LedgerEvent._meta.pk.get_default
        for place in range(number):
            row = LedgerEvent(**{**values, "id": make()})
            row.after = {**pattern.after, "intent_digest": f"{place:064x}"}
            row.digest = row.computed_digest()
            insert(row)
