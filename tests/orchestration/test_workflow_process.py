"""Which process a workflow or a permission belongs to: named by people, shown with its level."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from apps.access.models import Department, User
from apps.common.clock import now
from apps.common.errors import Conflict, Invalid, NotPermitted
from apps.council.services import effects, proposals
from apps.ledger.models import LedgerEvent
from apps.orchestration.models import Run, Workflow
from apps.orchestration.services import install_workflow, place_workflow
from apps.readiness import directory
from apps.readiness.models import Process
from apps.registry.models import Agent, Grant, Tool
from apps.registry.services import bump
from tests.orchestration.conftest import Stocking

pytestmark = pytest.mark.django_db


@pytest.fixture
def process(department: Department) -> Process:
    found = Process(slug="restock", name="Restocking", department=department, created_at=now())
    found.level = 2
    found.save()
    directory.bump()
    return found


@pytest.fixture
def workflow(ready: Agent) -> Workflow:
    return Workflow.objects.get()


def test_naming_the_process_is_on_record(
    workflow: Workflow, process: Process, member: User
) -> None:
    place_workflow(actor=member, workflow=workflow, process="restock", reason="It restocks.")
    workflow.refresh_from_db()
    assert workflow.process == "restock"
    event = LedgerEvent.objects.get(type="workflow.placed")
    assert event.after == {"process": "restock"}
    with pytest.raises(Conflict):
        place_workflow(actor=member, workflow=workflow, process="restock", reason="Again.")


def test_a_new_version_of_the_code_does_not_take_the_name_away(
    workflow: Workflow, process: Process, member: User
) -> None:
    place_workflow(actor=member, workflow=workflow, process="restock", reason="It restocks.")

    class Newer(Stocking):
        version = 2

    install_workflow(definition=Newer(), process="elsewhere")
    workflow.refresh_from_db()
    assert (workflow.version, workflow.process) == (2, "restock")


def test_only_a_known_process_with_a_reason_and_by_whom_may_accept_levels(
    workflow: Workflow, process: Process, member: User, operator: User, stranger: User
) -> None:
    with pytest.raises(Invalid):
        place_workflow(actor=member, workflow=workflow, process="nowhere", reason="Why not.")
    with pytest.raises(Invalid):
        place_workflow(actor=member, workflow=workflow, process="restock", reason=" ")
    for user in (operator, stranger):
        with pytest.raises(NotPermitted):
            place_workflow(actor=user, workflow=workflow, process="restock", reason="It restocks.")


def test_the_pages_show_process_and_level(
    workflow: Workflow,
    process: Process,
    member: User,
    operator: User,
    begin: Callable[..., Run],
    signed_in: Callable[[User], Client],
) -> None:
    page = signed_in(member)
    form = page.get("/runs/workflows/stocking/process")
    assert "Restocking" in form.content.decode()
    refused = page.post("/runs/workflows/stocking/process", {"process": "nowhere", "reason": "x"})
    assert refused.status_code == 422
    done = page.post("/runs/workflows/stocking/process", {"process": "restock", "reason": "It is."})
    assert done.status_code == 302
    run = begin()
    grant = Grant.objects.get()
    grant.process = "gone"
    grant.save()
    bump()
    page = signed_in(operator)
    for path in ("/runs/workflows", f"/runs/R-{run.number}"):
        shown = page.get(path).content.decode()
        assert "Restocking" in shown
        assert "Partly" in shown
        assert "people see every change" in shown
    assert "Choose the process" not in page.get("/runs/workflows").content.decode()
    agent = page.get("/agents/clerk").content.decode()
    assert "Not in the inventory" in agent
    assert "agents only observe" in agent


def test_a_permission_names_its_process_by_the_councils_motion(
    agent: Agent, tool: Tool, process: Process, council: Any, chair: User,
    signed_in: Callable[[User], Client],
) -> None:  # fmt: skip
    page = signed_in(chair)
    path = f"/decisions/propose/grant/{agent.slug}"
    assert "Restocking" in page.get(path).content.decode()
    wanted: dict[str, Any] = {
        "actor": chair, "agent": agent, "tool": tool, "scope": {}, "valid_days": 30,
        "rationale": "It needs it.",
    }  # fmt: skip
    with pytest.raises(Invalid):
        proposals.propose_grant(**wanted, process="nowhere")
    motion = proposals.propose_grant(**wanted, process="restock")
    assert motion.packet["wanted"]["process"] == "restock"
    shown = page.get(f"/decisions/M-{motion.number}").content.decode()
    assert "Restocking" in shown
    effects.take_effect(motion)
    assert Grant.objects.get(revoked_at=None).process == "restock"
    motion.status = "withdrawn"
    motion.save()
    again = proposals.propose_grant(**wanted)
    assert again.packet["wanted"]["process"] == "restock"
    again.status = "withdrawn"
    again.save()
    assert proposals.propose_grant(**wanted, process="").packet["wanted"]["process"] == ""
