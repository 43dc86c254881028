"""What a responder stops, what confirms that it holds, and how it is lifted again."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from apps.access.models import User
from apps.approvals.models import ApprovalRequest
from apps.common.clock import now
from apps.common.errors import Conflict, Invalid, NotPermitted
from apps.common.ids import uuid7
from apps.incidents.models import Containment, Incident, Receipt
from apps.incidents.queries import targets
from apps.incidents.services import (
    containment,
    evidence,
    incidents,
    lifting,
    measures,
    opening,
    receipts,
)
from apps.incidents.services.measures import Wish
from apps.ledger.models import LedgerEvent
from apps.ledger.retention import purge
from apps.orchestration.models import Run
from apps.orchestration.services import sweep
from apps.orchestration.services.plans import advance
from apps.policies.adoption import enforce
from apps.policies.models import JudgedRequest, PolicyVersion
from apps.policies.services import save_draft
from apps.registry import barriers, directory
from apps.registry.models import Agent, Barrier, Tool
from apps.registry.services import change_agent, resume_agent, retire_agent, suspend_agent
from apps.runtime import gate
from apps.runtime.models import Action, Process
from apps.runtime.processes import Heart
from tests.runtime.test_the_gate import approve, put
from tests.support import Shelf

pytestmark = pytest.mark.django_db
Make = Callable[..., Incident]
SUSPEND = Wish("agent", "clerk", "suspend")


def in_run_of(slug: str) -> dict[str, Any]:
    return {"run_id": uuid7(), "trigger": {"workflow": slug}}


STOP_TOOL = Wish("tool", "shelf.put", "stop")
ASK_TOOL = Wish("tool", "shelf.put", "ask")


@pytest.fixture
def triaged(reported: Make, chair: User, ready: Agent) -> Incident:
    row = reported()
    return incidents.triage(actor=chair, incident=row, kind="event", severity=3, reason="")


def contain(actor: User, incident: Incident, *wishes: Wish, **more: Any) -> dict[str, str]:
    fields: dict[str, Any] = {"reason": "It pays twice.", **more}
    return containment.contain(actor=actor, incident=incident, wishes=wishes, **fields)


def test_a_stopped_tool_is_refused_to_everybody_from_the_next_action_on(
    triaged: Incident, ready: Agent, chair: User, shelf: Shelf
) -> None:
    assert put(ready).status == "done"
    contain(chair, triaged, STOP_TOOL)
    outcome = put(ready)
    assert (outcome.verdict, outcome.code) == ("deny", "contained")
    assert "I-1001" in outcome.error
    assert shelf.calls == 1
    row = Containment.objects.get()
    lifting.lift(actor=chair, containment_id=row.pk, reason="It is mended.")
    assert put(ready).status == "done"
    with pytest.raises(Conflict, match="already"):
        lifting.lift(actor=chair, containment_id=row.pk, reason="Again.")


@pytest.mark.parametrize(
    ("place", "ref", "caught", "free"),
    [
        ("workflow", "stocking", in_run_of("stocking"), in_run_of("other")),
        ("person", "Dana", {"on_behalf_of": "Dana"}, {"on_behalf_of": "Bela"}),
    ],
)
def test_a_workflow_or_those_on_whose_behalf_it_is_are_stopped_and_others_are_not(
    triaged: Incident, ready: Agent, chair: User, place: str, ref: str,
    caught: dict[str, Any], free: dict[str, Any],
) -> None:  # fmt: skip
    contain(chair, triaged, Wish(place, ref, "stop"))
    assert put(ready, **caught).code == "contained"
    assert put(ready, **free).status == "done"


def test_a_person_is_known_by_key_where_a_run_was_started_by_them(
    triaged: Incident, ready: Agent, chair: User, approver: User
) -> None:
    contain(chair, triaged, Wish("person", str(approver.pk), "stop"))
    assert put(ready, requester_id=approver.pk).code == "contained"
    assert put(ready, requester_id=chair.pk).status == "done"


def test_asking_puts_what_would_pass_before_people_and_keeps_a_no_a_no(
    triaged: Incident, ready: Agent, chair: User, approver: User, shelf: Shelf
) -> None:
    contain(chair, triaged, ASK_TOOL, checkpoint="shelf")
    outcome = put(ready)
    assert (outcome.verdict, outcome.status) == ("review", "waiting")
    assert (
        "I-1001 has people see" in Action.objects.get(pk=outcome.action_id).reasons[0]["sentence"]
    )
    assert put(ready, thing="glass").verdict == "deny"
    approve(outcome.approval_id, approver)
    assert gate.resume(action_id=outcome.action_id).status == "done"
    assert shelf.stock == {"book": 1}
    judged = JudgedRequest.objects.get(pk=Action.objects.get(pk=outcome.action_id).judged_id)
    assert judged.effect == "allow"


def test_an_approval_that_a_barrier_asked_for_does_not_outlive_a_stop(
    triaged: Incident, ready: Agent, chair: User, approver: User, shelf: Shelf
) -> None:
    outcome = put(ready, amount=11)
    approve(outcome.approval_id, approver)
    barriers.place(
        by="I-1001", measure="stop", reason="x", placed_by="chair", tool="shelf.put",
        expires_at=now() + dt.timedelta(hours=1),
    )  # fmt: skip
    assert gate.resume(action_id=outcome.action_id).code == "contained"
    assert shelf.calls == 0


def test_a_frozen_policy_lets_nothing_new_into_force_and_has_people_see_what_it_allows(
    triaged: Incident, ready: Agent, chair: User, policy: Callable[..., Any], administrator: User
) -> None:
    permit = """@id("books") @reason("Books are fine.")
permit (principal, action == Action::"shelf.put", resource)
when { context.args.thing == "book" };"""
    version: PolicyVersion = policy(permit, slug="books")
    put(ready)
    row = Wish("policy", "books", "ask")
    results = contain(chair, triaged, row, checkpoint="shelf")
    assert not results[row.name].startswith(containment.FAILED), results
    draft = save_draft(
        actor=administrator, policy=version.policy, text=permit.replace("fine", "good")
    )
    with pytest.raises(Conflict, match="I-1001 freezes"):
        enforce(version=draft, reason="Cast")
    assert put(ready).verdict == "review"
    assert put(ready, thing="pen").status == "done"


def test_a_measure_ends_by_itself_and_its_owner_hears_of_it(
    triaged: Incident, ready: Agent, chair: User, member: User
) -> None:
    contain(chair, triaged, STOP_TOOL, SUSPEND, owner=member, lasts=dt.timedelta(hours=1))
    past = now() - dt.timedelta(minutes=1)
    Containment.objects.update(asked_at=past - dt.timedelta(hours=1), expires_at=past)
    assert lifting.lapse_due() == 2
    assert lifting.lapse_due() == 0
    assert not Barrier.objects.filter(ended_at=None).exists()
    ready.refresh_from_db()
    assert ready.status == "suspended"
    assert {note.title.split(":")[0] for note in member.notices.all()} == {
        "Let nothing of it pass", "Suspend the agent",
    }  # fmt: skip
    resume_agent(actor=chair, agent=ready, reason="Looked at it.")
    assert put(ready).status == "done"


def test_the_gate_heeds_no_barrier_whose_time_is_over_even_before_the_sweep(
    triaged: Incident, ready: Agent
) -> None:
    barriers.place(
        by="I-1001", measure="stop", reason="x", placed_by="chair", tool="shelf.put",
        expires_at=now() + dt.timedelta(seconds=0.5),
    )  # fmt: skip
    held = directory.at(directory.read().stamp).bars()
    assert [bar.stands(now() + dt.timedelta(seconds=1)) for bar in held] == [False]


def test_a_suspended_agent_comes_back_when_the_measure_is_lifted_and_not_before(
    triaged: Incident, ready: Agent, chair: User, owner: User
) -> None:
    contain(chair, triaged, SUSPEND)
    with pytest.raises(Conflict, match="I-1001 contains this agent"):
        resume_agent(actor=chair, agent=ready, reason="I think it is fine.")
    row = Containment.objects.get()
    with pytest.raises(NotPermitted):
        lifting.lift(actor=owner, containment_id=row.pk, reason="It is mine.")
    lifting.lift(actor=chair, containment_id=row.pk, reason="It is mended.")
    ready.refresh_from_db()
    assert ready.status == "active"


def test_two_incidents_may_stop_the_same_agent_and_both_have_to_let_go(
    triaged: Incident, reported: Make, ready: Agent, chair: User
) -> None:
    contain(chair, triaged, SUSPEND)
    other = reported()
    contain(chair, other, SUSPEND)
    first = Containment.objects.get(incident=triaged)
    lifting.lift(actor=chair, containment_id=first.pk, reason="Mended here.")
    ready.refresh_from_db()
    assert ready.status == "suspended"
    second = Containment.objects.get(incident=other)
    lifting.lift(actor=chair, containment_id=second.pk, reason="Mended there.")
    ready.refresh_from_db()
    assert (ready.status, put(ready).code) == ("suspended", "agent_suspended")


def test_open_questions_are_withdrawn_and_runs_wait_until_it_is_lifted(
    triaged: Incident, begin: Callable[..., Run], chair: User,
    django_capture_on_commit_callbacks: Any,
) -> None:  # fmt: skip
    run = begin(amount=11)
    advance(run.pk)
    sweep()
    with django_capture_on_commit_callbacks(execute=True):
        contain(chair, triaged, Wish("workflow", "stocking", "stop"))
    run.refresh_from_db()
    assert run.status == "paused"
    assert not ApprovalRequest.objects.filter(status="pending").exists()
    row = Containment.objects.get()
    assert row.did["paused"] == [str(run.pk)]
    with django_capture_on_commit_callbacks(execute=True):
        lifting.lift(actor=chair, containment_id=row.pk, reason="Mended.")
    run.refresh_from_db()
    assert run.status in ("running", "waiting")


def test_what_a_dead_responder_left_undone_is_done_by_the_sweep(
    triaged: Incident, begin: Callable[..., Run], chair: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = begin(amount=11)
    advance(run.pk)
    with monkeypatch.context() as patch:
        patch.setattr(containment, "finish_what_goes_on", lambda row: None)
        contain(chair, triaged, Wish("workflow", "stocking", "stop"))
    run.refresh_from_db()
    assert run.status != "paused"
    Containment.objects.update(confirmed_at=None)
    assert measures.finish_unconfirmed() == 1
    run.refresh_from_db()
    assert run.status == "paused"
    assert Containment.objects.get().did["paused"] == [str(run.pk)]


def test_taken_permissions_are_not_given_back_by_lifting(
    triaged: Incident, chair: User, administrator: User, ready: Agent
) -> None:
    wish = Wish("agent", "clerk", "revoke")
    assert contain(administrator, triaged, wish)[wish.name] == "1 permissions taken"
    assert put(ready).code == "no_grant"
    row = Containment.objects.get()
    with pytest.raises(Conflict, match="council alone"):
        lifting.lift(actor=chair, containment_id=row.pk, reason="x")


def test_every_live_process_confirms_by_the_number_that_it_has_seen(
    triaged: Incident, chair: User
) -> None:
    web, worker = Heart("web", "web 1"), Heart("worker", "worker 1")
    web.beat()
    worker.beat()
    contain(chair, triaged, STOP_TOOL)
    row = Containment.objects.get()
    owed = Receipt.objects.filter(containment=row, confirmed_at=None)
    assert {(each.point, each.process) for each in owed} == {
        ("gateway", "web 1"), ("worker", "worker 1"),
    }  # fmt: skip
    assert owed[0].words == "It was last at no. 0."
    web.beat()
    assert receipts.collect() == 1
    worker.beat()
    assert receipts.collect() == 1
    row.refresh_from_db()
    assert row.confirmed_at is not None
    assert row.milliseconds is not None
    told = LedgerEvent.objects.get(type="incident.containment_confirmed")
    assert told.after["milliseconds"] == row.milliseconds
    lifting.lift(actor=chair, containment_id=row.pk, reason="Mended.")
    receipts.collect()
    row.refresh_from_db()
    assert row.removed_at is None
    for heart in (web, worker):
        heart.beat()
    receipts.collect()
    row.refresh_from_db()
    assert row.removed_at is not None


def test_a_process_that_fell_silent_is_taken_for_gone(triaged: Incident, chair: User) -> None:
    Heart("worker", "worker 1").beat()
    contain(chair, triaged, STOP_TOOL)
    Process.objects.update(at=now() - dt.timedelta(minutes=5))
    receipts.collect()
    row = Receipt.objects.get(process="worker 1")
    assert row.confirmed_at is not None
    assert row.words.startswith("It has ended")


def test_a_process_that_has_seen_a_number_judges_by_it(triaged: Incident, ready: Agent) -> None:
    heart = Heart("worker", "worker 1")
    heart.beat()
    barriers.place(
        by="I-1001", measure="stop", reason="x", placed_by="chair", tool="shelf.put",
        expires_at=now() + dt.timedelta(hours=1),
    )  # fmt: skip
    heart.beat()
    assert heart.seen == 1
    assert put(ready).code == "contained"


def test_at_severity_one_and_two_it_is_stopped_when_it_opens(
    ready: Agent, chair: User, approver: User, reported: Make,
    django_capture_on_commit_callbacks: Any,
) -> None:  # fmt: skip
    reported(2)
    ready.refresh_from_db()
    assert ready.status == "active", "anybody may report, and nothing stops by it"
    with django_capture_on_commit_callbacks(execute=True):
        row = opening.report(
            actor=chair, title="Gone", summary="", kind="event", severity=2, agents=[ready]
        )
    ready.refresh_from_db()
    assert ready.status == "suspended"
    taken = row.containments.get()
    assert (taken.measure, taken.owner) == ("suspend", None)
    urgent = approver.notices.filter(urgent=True)
    assert not urgent.exists(), "approvers do not answer incidents"
    assert chair.notices.filter(urgent=True, title__startswith="Incident").exists()


def test_raising_the_severity_stops_it_too(reported: Make, ready: Agent, chair: User) -> None:
    row = reported()
    incidents.triage(actor=chair, incident=row, kind="event", severity=3, reason="")
    incidents.change_severity(actor=chair, incident=row, severity=1, reason="It goes on.")
    ready.refresh_from_db()
    assert ready.status == "suspended"


def test_permissions_are_taken_only_by_whom_may(
    triaged: Incident, ready: Agent, operator: User, chair: User
) -> None:
    wish = Wish("agent", "clerk", "revoke")
    assert contain(operator, triaged, wish)[wish.name].startswith(containment.FAILED)
    assert triaged.status == "triaged"
    assert put(ready).status == "done"


def test_what_is_no_target_or_lasts_too_long_is_refused(triaged: Incident, chair: User) -> None:
    with pytest.raises(Invalid, match="30 days"):
        contain(chair, triaged, STOP_TOOL, lasts=dt.timedelta(days=31))
    wish = Wish("tool", "no.such", "stop")
    assert contain(chair, triaged, wish)[wish.name].startswith(containment.FAILED)
    wish = Wish("policy", "shelf-rules", "stop")
    assert contain(chair, triaged, wish)[wish.name].startswith(containment.FAILED)
    assert not Barrier.objects.exists()


def test_the_same_measure_is_taken_once(triaged: Incident, chair: User) -> None:
    contain(chair, triaged, STOP_TOOL)
    assert "in force already" in contain(chair, triaged, STOP_TOOL)[STOP_TOOL.name]
    assert Barrier.objects.count() == 1


def test_the_page_says_beforehand_what_would_stop(
    triaged: Incident, ready: Agent, chair: User, stranger: User,
    signed_in: Callable[[User], Client],
) -> None:  # fmt: skip
    put(ready, amount=11)
    found = {target.place: target for target in targets(triaged)}
    assert found["agent"].waiting == 1
    page = signed_in(chair).get("/incidents/I-1001/contain")
    assert "1 question" in page.content.decode()
    assert signed_in(stranger).get("/incidents/I-1001/contain").status_code == 404
    sent = signed_in(chair).post(
        "/incidents/I-1001/contain",
        {"do:agent:clerk": "suspend", "reason": "It pays twice.", "hours": "24"},
    )
    assert sent.status_code == 302
    ready.refresh_from_db()
    assert ready.status == "suspended"
    row = Containment.objects.get()
    done = signed_in(chair).post(
        "/incidents/I-1001/do/lift", {"measure": str(row.pk), "reason": "Mended."}
    )
    assert done.status_code == 302
    assert "Lifted" in signed_in(chair).get("/incidents/I-1001").content.decode()


def test_kept_evidence_does_not_keep_a_graver_incident_from_stopping_its_agent(
    triaged: Incident, ready: Agent, chair: User
) -> None:
    evidence.keep_evidence(actor=chair, incident=triaged, reason="An authority may ask.")
    incidents.change_severity(actor=chair, incident=triaged, severity=1, reason="Money left.")
    ready.refresh_from_db()
    assert ready.status == "suspended"


def test_kept_evidence_blocks_purge_change_and_retirement_and_allows_suspension(
    triaged: Incident, ready: Agent, chair: User, administrator: User, owner: User
) -> None:
    """Acceptance test 25."""
    evidence.keep_evidence(actor=chair, incident=triaged, reason="An authority may ask.")
    with pytest.raises(Conflict, match="I-1001 keeps evidence"):
        change_agent(actor=None, agent=ready, reason="x", name="Other")
    with pytest.raises(Conflict, match="I-1001 keeps evidence"):
        retire_agent(actor=administrator, agent=ready, reason="x")
    with pytest.raises(Conflict, match=r"legal hold is open \(I-1001\)"):
        purge()
    suspend_agent(actor=owner, agent=ready, reason="To be safe.")
    with pytest.raises(NotPermitted):
        evidence.release_evidence(actor=owner, incident=triaged, reason="Enough.")
    evidence.release_evidence(actor=chair, incident=triaged, reason="The authority is done.")
    change_agent(actor=None, agent=ready, reason="x", name="Other")
    assert not Barrier.objects.filter(ended_at=None).exists()


def test_an_action_at_the_same_moment_is_either_before_or_stopped(
    triaged: Incident, ready: Agent, tool: Tool, chair: User, shelf: Shelf
) -> None:
    verdicts = [put(ready).verdict]
    contain(chair, triaged, STOP_TOOL)
    verdicts += [put(ready).verdict for _ in range(3)]
    assert verdicts == ["allow", "deny", "deny", "deny"]
    assert shelf.calls == 1
