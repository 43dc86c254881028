"""How many queries each page costs: written down, and the same with little and with much."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.access.models import User
from apps.approvals.models import ApprovalRequest, StandingApproval
from apps.incidents.models import Incident
from apps.incidents.services import opening
from apps.ledger.models import LedgerEvent
from apps.orchestration.models import Run
from apps.pilots.invoices.models import InvoiceDocument
from apps.policies import snapshot
from apps.registry.models import Agent
from tests.pilots.test_invoices import drop_wanted, work

GOLDEN = Path(__file__).with_name("query_counts.json")
MUCH = 6


def pages() -> dict[str, tuple[str, str]]:
    item = ApprovalRequest.objects.order_by("created_at")[0]
    run = Run.objects.order_by("created_at")[0]
    standing = StandingApproval.objects.get()
    incident = Incident.objects.first() or odd_work()
    event = LedgerEvent.objects.order_by("at")[0]
    document = InvoiceDocument.objects.order_by("received_at")[0]
    return {
        "overview": ("amara", "/"),
        "inbox": ("amara", "/inbox/"),
        "item": ("amara", f"/inbox/C-{item.number}"),
        "pulse": ("amara", "/inbox/pulse"),
        "together": ("amara", "/inbox/together"),
        "insight": ("operator", "/inbox/insight"),
        "my vigilance": ("amara", "/inbox/my-vigilance"),
        "vigilance": ("chair", "/inbox/vigilance"),
        "second looks": ("amara", "/inbox/second-looks"),
        "training": ("admin", "/inbox/training"),
        "levels": ("amara", "/inbox/levels"),
        "skipped": ("amara", "/inbox/skipped"),
        "queues": ("amara", "/inbox/queues"),
        "queue": ("admin", "/inbox/queues/payments"),
        "change queue": ("admin", "/inbox/queues/payments/change"),
        "new checkpoint": ("admin", "/inbox/queues/payments/checkpoint"),
        "timing": ("admin", "/inbox/checkpoints/payment-approval"),
        "business hours": ("admin", "/inbox/calendars/office-hours"),
        "reasons": ("admin", "/inbox/reasons"),
        "standing": ("amara", "/inbox/standing"),
        "standing one": ("amara", f"/inbox/standing/{standing.pk}"),
        "freezes": ("admin", "/inbox/freezes"),
        "edit": ("amara", f"/inbox/C-{item.number}/edit"),
        "ask back": ("amara", f"/inbox/C-{item.number}/ask"),
        "stand-ins": ("amara", "/inbox/stand-ins"),
        "notices": ("amara", "/inbox/notices"),
        "agents": ("admin", "/agents/"),
        "agent": ("admin", "/agents/vendor-desk"),
        "tools": ("admin", "/agents/tools"),
        "tool": ("admin", "/agents/tools/invoices.post"),
        "lists": ("admin", "/agents/lists"),
        "people": ("admin", "/people"),
        "policies": ("member", "/policies/"),
        "policy": ("member", "/policies/vendor-bank-details"),
        "proof": ("member", "/policies/vendor-bank-details/versions/1"),
        "rule": ("member", "/policies/vendor-bank-details/rule"),
        "decisions": ("member", "/decisions/"),
        "motion": ("member", "/decisions/M-1001"),
        "council": ("member", "/council/"),
        "seats": ("chair", "/council/seats"),
        "calendar": ("member", "/council/calendar"),
        "emergency": ("chair", "/council/emergency"),
        "runs": ("operator", "/runs/"),
        "run": ("operator", f"/runs/R-{run.number}"),
        "workflows": ("operator", "/runs/workflows"),
        "attention": ("operator", "/runs/attention"),
        "limits": ("admin", "/runs/limits"),
        "limits_of": ("admin", "/runs/limits?agent=vendor-desk"),
        "incidents": ("chair", "/incidents/"),
        "incident": ("chair", f"/incidents/I-{incident.number}"),
        "contain": ("chair", f"/incidents/I-{incident.number}/contain"),
        "take back": ("chair", f"/incidents/I-{incident.number}/rollback"),
        "signals": ("operator", "/incidents/groups"),
        "runs elsewhere": ("operator", "/incidents/imported"),
        "invoices": ("operator", "/pilots/invoices/"),
        "invoice": ("operator", f"/pilots/invoices/{document.pk}"),
        "suppliers": ("operator", "/pilots/invoices/suppliers"),
        "audit": ("auditor", "/audit/"),
        "audit search": ("auditor", "/audit/?q=kind:agent+-outcome:denied"),
        "access": ("auditor", "/audit/access"),
        "moment": ("auditor", "/audit/as-of?what=policies"),
        "framework": ("auditor", "/audit/frameworks/eu-ai-act"),
        "why": ("auditor", f"/audit/why/{item.action_ref}"),
        "again": ("auditor", f"/audit/why/{item.action_ref}/again"),
        "as of": ("auditor", f"/audit/as-of/registry.agent/{item.agent_id}"),
        "object": ("auditor", f"/audit/object/registry.agent/{item.agent_id}"),
        "packs": ("auditor", "/evidence/"),
        "new-pack": ("auditor", "/evidence/new"),
        "verification": ("auditor", "/audit/verification"),
        "event": ("auditor", f"/audit/{event.pk}"),
        "history": ("auditor", f"/audit/history/registry.agent/{item.agent_id}"),
    }


def odd_work() -> Incident:
    """Something that somebody told of, about an agent that works."""
    return opening.report(
        actor=User.objects.get(username="amara"),
        title="Odd work",
        summary="",
        kind="issue",
        severity=3,
        agents=[Agent.objects.get(slug="vendor-desk")],
    )


def counts(signed_in: Callable[[User], Client]) -> dict[str, int]:
    found = {}
    for name, (who, path) in pages().items():
        page = signed_in(User.objects.get(username=who))
        page.get(path)
        with CaptureQueriesContext(
            connection,
        ) as queries:
            assert page.get(path).status_code in (200, 204), path
        found[name] = len(queries)
    return found


def fill(number: int) -> None:
    for _ in range(number):
        drop_wanted("changed_account")
        work()
        drop_wanted()
        work()


def test_each_page_costs_what_is_written_down_and_no_more_with_age(
    db: None, signed_in: Callable[[User], Client]
) -> None:
    call_command("seed_demo", verbosity=0)
    snapshot.forget()
    fill(1)
    little = counts(signed_in)
    fill(MUCH)
    much = counts(signed_in)
    if os.environ.get("WRITE_QUERY_COUNTS"):
        GOLDEN.write_text(json.dumps(much, indent=2, sort_keys=True) + "\n")
    grown = {name: (little[name], much[name]) for name in much if much[name] > little[name]}
    assert grown == {}
    if connection.vendor == "sqlite":  # two audit pages ask PostgreSQL for more
        assert much == json.loads(GOLDEN.read_text())
    assert max(much.values()) <= 40


def test_the_audit_page_is_for_those_who_may(
    auditor: User, stranger: User, signed_in: Callable[[User], Client]
) -> None:
    assert signed_in(auditor).get("/audit/").status_code == 200
    assert signed_in(stranger).get("/audit/").status_code == 404


@pytest.mark.parametrize(
    "query", ["after=junk", "after=2026|x", "from=soon", "type=nothing.here", "actor=\x00", "run=x"]
)
def test_a_bad_filter_of_the_audit_page_is_no_crash(
    auditor: User, signed_in: Callable[[User], Client], query: str
) -> None:
    assert signed_in(auditor).get(f"/audit/?{query}").status_code in (200, 400, 422)
