"""Every page of the working day in both schemes and both sizes: axe finds nothing, nothing scrolls
sideways, and the console stays silent."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from apps.access.models import User
from apps.approvals.models import ApprovalRequest, Question, StandingApproval
from apps.approvals.services import ask_back
from apps.audit.models import EvidencePack
from apps.audit.packs import services as packs
from apps.common.clock import now
from apps.common.ids import uuid7
from apps.council.models import Measure, Motion, Seat, Sitting
from apps.council.services import emergency, sittings, sweeps
from apps.incidents.models import Group, ImportedRun, Incident
from apps.incidents.rules import Raw
from apps.incidents.services import (
    containment,
    duties,
    importing,
    incidents,
    learning,
    measures,
    opening,
    signals,
)
from apps.ledger import keys, verifying
from apps.ledger.models import LedgerEvent, Verification
from apps.orchestration.models import Run
from apps.pilots.invoices.models import InvoiceDocument
from apps.policies.backtests import start_backtest
from apps.policies.models import Backtest, JudgedRequest, PolicyVersion
from apps.policies.replay import work_on
from apps.policies.services import save_draft
from apps.registry.models import Agent
from tests.browser.test_the_loop import drop
from tests.readiness.things import everything

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


TOO_WIDE = """() => document.documentElement.scrollWidth <= innerWidth ? [] :
  [...document.querySelectorAll("main *")]
    .filter((each) => each.getBoundingClientRect().right > innerWidth && !each.closest(".scroll"))
    .map((each) => each.outerHTML.slice(0, 90)).slice(0, 3)"""


def council_things() -> tuple[Motion, Sitting, Backtest]:
    """A ballot that is open, a sitting that is called, and a backtest with a flip."""
    motion = Motion.objects.get()
    if motion.status == "comment":
        Motion.objects.filter(pk=motion.pk).update(comment_ends_at=now())
        sweeps.sweep()
        motion.refresh_from_db()
        chair = User.objects.get(username="chair")
        sittings.call_sitting(
            actor=chair, title="Friday", starts_at=now() + dt.timedelta(days=1), place="Room 4"
        )
        version = PolicyVersion.objects.get(policy__slug="vendor-bank-details")
        draft = save_draft(
            actor=chair, policy=version.policy, text=version.text.replace('"2"', '"1"')
        )
        row = start_backtest(actor=chair, version=draft)
        while work_on(row.pk):
            pass
        emergency.ask_measure(
            actor=User.objects.get(username="security"),
            kind="deny_tool",
            target="payments.schedule",
            reason="It pays twice.",
        )
    return motion, Sitting.objects.get(), Backtest.objects.get()


def evidence_pack() -> int:
    """A key, a checkpoint, a pack that is built and a verification that found all intact."""
    if keys.in_force() is None:
        keys.make_first()
    pack = EvidencePack.objects.first()
    if pack is None:
        auditor = User.objects.get(username="auditor")
        moment, day = now(), dt.timedelta(days=1)
        pack = packs.ask_for_pack(
            actor=auditor, control="GC-00", since=moment - day, until=moment + day
        )
        packs.work_on(pack.pk)
        verifying.work_on(verifying.ask().pk)
    return pack.number


def incident_and_signals() -> tuple[Incident, Group]:
    """An incident under review with a finding, and a group of signals that opened nothing."""
    found = Incident.objects.first()
    if found is None:
        chair, member = (User.objects.get(username=name) for name in ("chair", "member"))
        found = opening.report(
            actor=member, title="A wrong account was paid", summary="", kind="event", severity=3,
            agents=[Agent.objects.get(slug="vendor-desk")],
        )  # fmt: skip
        incidents.triage(actor=chair, incident=found, kind="event", severity=3, reason="")
        containment.contain(
            actor=chair, incident=found, reason="It was one payment.",
            wishes=[measures.Wish("tool", "invoices.post", "ask")],
        )  # fmt: skip
        duties.classify(
            actor=chair, incident=found, criteria=["property"], asi_codes=["ASI02"], reason="Money."
        )
        duties.prepare_report(
            actor=chair, incident=found, kind="initial", recipient="The authority", told={}
        )
        incidents.take_command(actor=chair, incident=found)
        incidents.investigate(actor=chair, incident=found)
        learning.add_finding(actor=chair, incident=found, text="Nobody compares new accounts.")
        signals.held()
        told = Raw(uuid7(), "action.failed", now(), tool="invoices.post", message="It broke.")
        signals.take([told])
    return found, Group.objects.get()


def imported_runs() -> list[str]:
    """Two runs of an agent elsewhere, one of them harmful."""
    if not ImportedRun.objects.exists():
        runs = [{"id": str(number), "unsafe": number, "note": "It forwarded a letter.",
                 "steps": [{"tool": "mail.read", "args": {"n": 1}, "result": "Dear all"}]}
                for number in (0, 1)]  # fmt: skip
        importing.import_runs(
            actor=User.objects.get(username="chair"), data=json.dumps(runs).encode(),
            source="A partner",
        )  # fmt: skip
    run = ImportedRun.objects.order_by("name")[0]
    return [f"/incidents/imported/{run.batch}", f"/incidents/imported/runs/{run.pk}"]


def question_about(item: ApprovalRequest) -> object:
    """What an approver asked the operator, who has not answered yet."""
    if not Question.objects.exists():
        clara, sam = (User.objects.get(username=name) for name in ("clara", "operator"))
        ask_back(actor=clara, request_id=item.pk, asked=sam, text="Did you call the supplier?")
    return Question.objects.get().pk


def pages() -> dict[str, list[str]]:
    item, run = ApprovalRequest.objects.get(), Run.objects.get()
    run_agent = item.agent_id
    event, document = LedgerEvent.objects.order_by("-pk").first(), InvoiceDocument.objects.get()
    assert event is not None
    motion, sitting, backtest = council_things()
    measure, seat = Measure.objects.get(), Seat.objects.order_by("pk")[0]
    judged = JudgedRequest.objects.order_by("-at")[0]
    incident, group = incident_and_signals()
    return {
        "amara": [
            "/",
            "/inbox/",
            f"/inbox/C-{item.number}",
            "/inbox/together",
            "/inbox/insight",
            "/inbox/notices",
            "/inbox/levels",
            "/inbox/my-vigilance",
            "/inbox/second-looks",
            "/inbox/skipped",
            "/inbox/stand-ins",
            "/inbox/queues",
            "/inbox/queues/payments",
            "/inbox/standing",
            f"/inbox/standing/{StandingApproval.objects.get().pk}",
            "/inbox/freezes",
            f"/inbox/C-{item.number}/edit",
            f"/inbox/C-{item.number}/ask",
        ],
        "admin": [
            "/agents/",
            "/agents/vendor-desk",
            "/agents/register",
            "/agents/tools",
            "/agents/tools/register",
            "/agents/lists",
            "/agents/tools/invoices.post",
            "/people",
            "/runs/limits/budget",
            "/me",
            "/inbox/training",
            "/inbox/queues",
            "/inbox/queues/new",
            "/inbox/queues/payments",
            "/inbox/queues/payments/change",
            "/inbox/queues/payments/checkpoint",
            "/inbox/checkpoints/payment-approval",
            "/inbox/calendars/new",
            "/inbox/calendars/office-hours",
            "/inbox/reasons",
            "/inbox/freezes",
            "/policies/",
            "/policies/vendor-bank-details",
            "/decisions/propose/seat",
        ],
        "operator": [
            *readiness_pages(),
            "/runs/",
            f"/runs/R-{run.number}",
            "/runs/attention",
            "/runs/workflows",
            "/runs/limits",
            "/pilots/invoices/",
            f"/pilots/invoices/{document.pk}",
            "/pilots/invoices/suppliers",
            "/pilots/invoices/upload",
            "/agents/vendor-desk/suspend",
            f"/inbox/questions/{question_about(item)}",
        ],
        "auditor": [
            "/evidence/",
            "/evidence/new",
            f"/evidence/EP-{evidence_pack()}",
            "/audit/verification",
            f"/audit/verification/{Verification.objects.latest('created_at').pk}",
            "/audit/",
            "/audit/?q=type:action.*+kind:agent",
            "/audit/?q=nowhere+at:soon",
            f"/audit/{event.pk}",
            f"/audit/history/registry.agent/{run_agent}",
            f"/audit/object/registry.agent/{run_agent}",
            f"/audit/why/{item.action_ref}",
            f"/audit/why/{item.action_ref}/again",
            "/audit/as-of?what=policies",
            "/audit/access",
            "/audit/frameworks",
            "/audit/frameworks/eu-ai-act",
            "/audit/acts",
            "/audit/notes",
            f"/audit/as-of/registry.agent/{run_agent}?at=2026-01-01",
            f"/audit/as-of/registry.agent/{run_agent}",
        ],
        "member": [
            "/policies/vendor-bank-details/edit",
            "/policies/vendor-bank-details/rule?template=bank-details",
            "/policies/vendor-bank-details/versions/1",
            "/policies/vendor-bank-details/versions/1..2",
            f"/policies/judged/{judged.pk}",
            f"/policies/vendor-bank-details/backtests/{backtest.pk}",
            "/policies/new",
            "/decisions/",
            f"/decisions/M-{motion.number}",
            "/council/",
            "/council/calendar",
        ],
        "chair": [
            "/incidents/",
            *(f"/incidents/I-{incident.number}{more}" for more in ("", "/contain", "/rollback")),
            "/incidents/report",
            "/incidents/groups",
            f"/incidents/groups/{group.pk}",
            "/incidents/imported",
            *imported_runs(),
            f"/incidents/groups/{group.pk}/snooze",
            "/council/emergency",
            "/runs/workflows/invoice-triage/process",
            "/inbox/vigilance",
            "/inbox/vigilance/template",
            f"/council/emergency/{measure.reference}",
            "/council/seats",
            f"/council/seats/{seat.pk}/end",
            "/decisions/propose/rules",
            "/decisions/propose/weights",
            "/council/sittings/new",
            f"/council/sittings/S-{sitting.number}",
        ],
    }


def readiness_pages() -> list[str]:
    people = {user.username: user for user in User.objects.all()}
    finance = people["dana"].department
    assert finance is not None
    made = everything(people["operator"], people["dana"], people["member"], finance, "own")
    return list(made.pages().values())


def violations(page: Page) -> list[Any]:
    found = Axe().run(page, options={"runOnly": TAGS}).response["violations"]
    return [(each["id"], [node["html"][:120] for node in each["nodes"]]) for each in found]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [(1280, 860), (390, 844)])
def test_axe_finds_nothing(
    open_as: Callable[..., Page], work: Callable[[], None], size: tuple[int, int], scheme: str
) -> None:
    drop("changed_account")
    work()
    troubles = []
    for name, paths in pages().items():
        page = open_as(name, size=size, scheme=scheme)
        for path in paths:
            answer = page.goto(path)
            if answer is None or answer.status != 200:
                troubles.append((path, "does not open", answer and answer.status))
            if found := violations(page):
                troubles.append((path, found))
    assert not troubles, "\n".join(map(str, troubles))


def test_nothing_scrolls_sideways_on_a_narrow_phone(
    open_as: Callable[..., Page], work: Callable[[], None]
) -> None:
    drop("changed_account")
    work()
    wide = []
    for name, paths in pages().items():
        page = open_as(name, size=(320, 700))
        for path in paths:
            page.goto(path)
            if culprits := page.evaluate(TOO_WIDE):
                wide.append((path, culprits))
    assert not wide, "\n".join(map(str, wide))


def test_the_sign_in_page_is_clean(browser: Any, demo: str, settings: Any) -> None:
    settings.DEMO = True
    page = browser.new_page(base_url=demo)
    page.goto("/sign-in")
    assert violations(page) == []
    page.get_by_role("button", name="Ines Duarte").click()
    page.wait_for_url(f"{demo}/")
    page.close()
