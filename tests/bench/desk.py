"""Goal 7: inbox and decision pages with few and with many items; approvers racing."""

from __future__ import annotations

import datetime as dt
import threading
import time
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.db import connection
from django.test import Client

from apps.access.models import User
from apps.access.services import give_role
from apps.approvals.models import ApprovalRequest, Checkpoint, RequestCheckpoint, Vote
from apps.approvals.services import Lost, ask, create_checkpoint, create_queue, entrust, vote
from apps.common.clock import now
from apps.common.errors import Refused
from apps.common.ids import uuid7
from apps.policies.rules import CheckpointAsk
from apps.registry.models import Agent
from tests.bench.place import Row, alternating

FEW = 10
RACERS = 8


def desk(*, full: bool) -> list[Row]:
    settings.ALLOWED_HOSTS = ["testserver", *settings.ALLOWED_HOSTS]
    call_command("collectstatic", interactive=False, verbosity=0)
    people = approvers()
    for number in range(FEW):
        put(number)
    few = pages(people[0])
    many_open, many_decided = (100_000, 1_000_000) if full else (10_000, 50_000)
    fill(many_open, decided=False)
    fill(many_decided, decided=True)
    many = pages(people[0])
    steady = many["control"] / few["control"]
    rows = [
        Row(
            f"7 {name} page with {many_open:,} open and {many_decided:,} decided, against {FEW}"
            f" (the machine was {steady:.2f} × as slow by then, and that is taken out)",
            many[name] / steady,
            few[name],
            "≤ 1.3",
            many[name] / steady <= 1.3 * few[name],
        )
        for name in ("inbox", "item")
    ]
    return [*rows, racing(people)]


def approvers() -> list[User]:
    queue = create_queue(actor=None, slug="desk", name="Desk")
    found = []
    for number in range(RACERS):
        user = User.objects.create_user(username=f"a{number}", display_name=f"A{number}")
        give_role(actor=None, user=user, role="approver", reason="Bench")
        entrust(actor=None, queue=queue, user=user, reason="Bench")
        found.append(user)
    create_checkpoint(actor=None, slug="desk", title="Desk", queue=queue)
    return found


def put(number: int) -> ApprovalRequest:
    return ask(
        agent=Agent.objects.get(slug="agent-0"),
        action_ref=uuid7(),
        tool="shelf.put",
        intent_digest=f"{number:064d}",
        action_digest="d" * 64,
        title=f"Put {number} books",
        summary="More than ten.",
        risk="low",
        asks=[CheckpointAsk("desk", 1, 86_400, False, "rule", "More than ten.")],
        evidence={"why": [], "will_happen": {"sentence": "Books.", "before": {}, "after": {}}},
    )


def fill(number: int, *, decided: bool) -> None:
    """Rows as `ask` and `vote` leave them, in bulk; beyond the few that the services made."""
    checkpoint = Checkpoint.objects.get(slug="desk")
    agent, moment = Agent.objects.get(slug="agent-0"), now()
    voter = User.objects.get(username="a1")
    first = 2_000_000 if decided else 1_000_000
    for start in range(0, number, 2_000):
        rows = [
            ApprovalRequest(
                number=first + index,
                queue=checkpoint.queue,
                agent=agent,
                agent_label=agent.label,
                tool="shelf.put",
                action_ref=uuid7(),
                intent_digest=f"{first + index:064d}",
                action_digest="d" * 64,
                title=f"Put {index} books",
                summary="More than ten.",
                risk="low",
                status="approved" if decided else "pending",
                approvers_needed=1,
                rule_key="rule",
                rule={"checkpoints": []},
                evidence={"why": [], "will_happen": {}},
                evidence_digest="e" * 64,
                created_at=moment - dt.timedelta(seconds=index),
                respond_by=moment + dt.timedelta(hours=1),
                decide_by=moment + dt.timedelta(hours=30, seconds=index),
                decided_at=moment - dt.timedelta(seconds=index) if decided else None,
            )
            for index in range(start, min(start + 2_000, number))
        ]
        ApprovalRequest.objects.bulk_create(rows)
        RequestCheckpoint.objects.bulk_create(
            RequestCheckpoint(request=row, checkpoint=checkpoint, queue=checkpoint.queue, needed=1)
            for row in rows
        )
        if decided:
            Vote.objects.bulk_create(
                Vote(request=row, voter=voter, voter_label="A1", choice="approve", reason="x",
                     digest="d" * 64, cast_at=row.decided_at)
                for row in rows
            )  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def pages(user: User) -> dict[str, float]:
    """`control` is a page that no item is on: it tells how fast the machine was meanwhile."""
    client = Client()
    client.force_login(user)
    number = ApprovalRequest.objects.filter(status="pending").order_by("number")[0].number
    page: Any = client.get
    return alternating(
        10,
        inbox=lambda: page("/inbox/"),
        item=lambda: page(f"/inbox/C-{number}"),
        control=lambda: page("/me"),
    )


def racing(people: list[User]) -> Row:
    """Eight approvers answer the same 40 requests at once; beside it a bare loop of updates."""
    rows = [put(5_000_000 + number) for number in range(40)]
    lost: list[str] = []

    def work(user: User) -> None:
        try:
            for row in rows:
                try:
                    vote(actor=user, request_id=row.pk, choice="approve", reason="Seen.",
                         digest="d" * 64)  # fmt: skip
                except Lost:
                    continue
                except Refused as refusal:
                    lost.append(refusal.code)
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=[user]) for user in people]
    start = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    ours = len(rows) / (time.perf_counter() - start)
    keys = [row.pk for row in rows]
    approved = ApprovalRequest.objects.filter(pk__in=keys, status="approved").count()
    twice = Vote.objects.filter(request__in=keys, void=False).count() - approved
    if approved != len(rows) or twice or lost:
        raise RuntimeError(f"{approved} of {len(rows)} decided, {twice} twice, {lost}")
    start = time.perf_counter()
    for key in keys:
        ApprovalRequest.objects.filter(pk=key, status="approved").update(reason_code="bare")
    bare = len(rows) / (time.perf_counter() - start)
    name = f"7 decisions a second, {RACERS} racing for each, against a bare loop of updates"
    return Row(name, ours, bare, "≥ 0.5", ours >= 0.5 * bare, unit="/s")
