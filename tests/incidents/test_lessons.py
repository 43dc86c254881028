"""What an incident taught: a test that every later policy has to pass, and the proof of it."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable

import pytest
from django.test import Client

from apps.access.models import User
from apps.common.clock import now
from apps.common.errors import Conflict, Invalid, NotPermitted
from apps.incidents.models import Corrective, Incident
from apps.incidents.queries import offered, policy_actions
from apps.incidents.services import containment, incidents, learning
from apps.incidents.services.signals import catch_up
from apps.ledger.services import record
from apps.policies import proof
from apps.policies.adoption import enforce
from apps.policies.models import Policy
from apps.policies.services import remove_case, save_draft
from apps.registry.models import Agent
from apps.runtime.models import Action
from tests.council.support import with_backtest
from tests.policies.test_four_outcomes import ASK_ABOVE_TEN, FORBID_GLASS
from tests.runtime.test_the_gate import put

pytestmark = pytest.mark.django_db
ASK_ABOVE_THREE = FORBID_GLASS + ASK_ABOVE_TEN.replace("> 10", "> 3")


@pytest.fixture
def harmful(ready: Agent) -> Action:
    """Five books where two were ordered: allowed, done, and taken back by somebody."""
    outcome = put(ready, amount=5)
    action = Action.objects.get(pk=outcome.action_id)
    record(type="action.undone", object=action, reason="Two were ordered.")
    catch_up()
    return action


@pytest.fixture
def investigated(harmful: Action, chair: User, member: User) -> Incident:
    row = Incident.objects.get()
    incidents.triage(actor=chair, incident=row, kind="event", severity=3, reason="")
    containment.contain(actor=chair, incident=row, wishes=[], reason="It was taken back.")
    incidents.take_command(actor=member, incident=row)
    return incidents.investigate(actor=member, incident=row)


@pytest.fixture
def change(investigated: Incident, member: User, operator: User) -> Corrective:
    finding = learning.add_finding(actor=member, incident=investigated, text="Ten is too many.")
    return learning.add_action(
        actor=member,
        finding=finding,
        type="policy",
        text="Ask above three",
        owner=operator,
        due_on=now().date() + dt.timedelta(days=7),
        policy="shelf-rules",
    )


def keep(member: User, change: Corrective, step: uuid.UUID, expected: str = "review") -> None:
    policy = Policy.objects.get(slug="shelf-rules")
    learning.keep_lesson(
        actor=member, action_id=change.pk, policy=policy, step=step, expected=expected
    )


def test_an_action_that_was_taken_back_opens_an_incident_of_harm(harmful: Action) -> None:
    row = Incident.objects.get()
    assert (row.kind, row.severity) == ("event", 3)
    assert offered(row) == [(harmful, "thing book")]


def test_the_replay_says_what_is_in_force_would_let_pass_and_the_draft_would_stop(
    harmful: Action, change: Corrective, member: User, investigated: Incident
) -> None:
    keep(member, change, harmful.pk)
    (each,) = policy_actions(investigated)
    assert (each.green, each.draft, each.lessons[0].now) == (False, None, "allow")
    policy = Policy.objects.get(slug="shelf-rules")
    draft = save_draft(actor=member, policy=policy, text=ASK_ABOVE_THREE)
    (each,) = policy_actions(investigated)
    assert (each.draft, each.green, each.draft_green) == (draft, False, True)
    assert each.lessons[0].drafted_rule == "ask-above-ten"
    enforce(version=draft, reason="Voted")
    (each,) = policy_actions(investigated)
    assert each.green


def test_a_draft_that_would_let_it_happen_again_cannot_be_proposed_and_says_its_number(
    harmful: Action, change: Corrective, member: User, investigated: Incident
) -> None:
    keep(member, change, harmful.pk)
    policy = Policy.objects.get(slug="shelf-rules")
    loose = save_draft(actor=member, policy=policy, text=FORBID_GLASS)
    with_backtest(loose)
    (first, *_) = proof.obstacles(loose)
    assert first.startswith(
        f"It would let an incident happen again: {investigated.reference}: shelf.put, thing book,"
    )
    strict = save_draft(actor=member, policy=policy, text=ASK_ABOVE_THREE)
    with_backtest(strict)
    assert proof.obstacles(strict) == []
    case = policy.cases.get(origin="incident")
    with pytest.raises(NotPermitted):
        remove_case(actor=member, case=case, reason="In the way.")


def test_what_is_stopped_harder_than_was_asked_for_is_stopped(
    harmful: Action, change: Corrective, member: User
) -> None:
    keep(member, change, harmful.pk)
    policy = Policy.objects.get(slug="shelf-rules")
    none = FORBID_GLASS + (
        '@id("none") @reason("No books.") forbid (principal, action == Action::"shelf.put", '
        'resource) when { context.args.thing == "book" };'
    )
    draft = save_draft(actor=member, policy=policy, text=none)
    with_backtest(draft)
    assert proof.obstacles(draft) == []


def test_it_closes_only_when_the_replay_is_green(
    harmful: Action,
    change: Corrective,
    member: User,
    chair: User,
    operator: User,
    investigated: Incident,
) -> None:
    row = investigated
    for person in (member, chair):
        incidents.confirm(actor=person, incident=row)
    incidents.to_review(actor=member, incident=row)
    incidents.to_corrective(actor=member, incident=row)
    learning.mark_done(actor=operator, action_id=change.pk)
    learning.verify(actor=member, action_id=change.pk, how="Read it.")
    with pytest.raises(Conflict, match="no recorded action yet"):
        incidents.close(actor=chair, incident=row, reason="")
    keep(member, change, harmful.pk)
    with pytest.raises(Conflict, match="would not stop"):
        incidents.close(actor=chair, incident=row, reason="")
    policy = Policy.objects.get(slug="shelf-rules")
    enforce(version=save_draft(actor=member, policy=policy, text=ASK_ABOVE_THREE), reason="Voted")
    assert incidents.close(actor=chair, incident=row, reason="Learnt.").status == "closed"


def test_only_the_incidents_own_actions_are_its_lessons(
    ready: Agent, change: Corrective, member: User, harmful: Action, operator: User
) -> None:
    other = put(ready, amount=2)
    with pytest.raises(Invalid, match="of this incident"):
        keep(member, change, other.action_id)
    with pytest.raises(Invalid, match="stopped, or put to people"):
        keep(member, change, harmful.pk, "allow")
    with pytest.raises(NotPermitted):
        keep(operator, change, harmful.pk)
    keep(member, change, harmful.pk)
    with pytest.raises(Conflict):
        keep(member, change, harmful.pk)


def test_the_page_shows_the_replay_in_words(
    harmful: Action,
    change: Corrective,
    member: User,
    investigated: Incident,
    signed_in: Callable[[User], Client],
) -> None:
    page, path = signed_in(member), f"/incidents/I-{investigated.number}"
    shown = page.get(path).content.decode()
    assert "cannot be shown to work" in shown
    assert "Put on the shelf: thing book; " in shown
    body = {"action": change.pk, "step": harmful.pk, "policy": "shelf-rules", "expected": "review"}
    page.post(f"{path}/do/lesson", body)
    shown = page.get(path).content.decode()
    assert "would let it happen again" in shown
    assert "Put on the shelf: thing book</" in shown
    policy = Policy.objects.get(slug="shelf-rules")
    save_draft(actor=member, policy=policy, text=ASK_ABOVE_THREE)
    assert "Would have stopped it" in page.get(path).content.decode()
