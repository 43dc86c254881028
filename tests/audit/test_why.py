"""From a payment to the sentence that allowed it and the people who approved it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import pytest
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from apps.access.models import User
from apps.approvals.models import ApprovalRequest, Vote
from apps.audit.queries.again import again
from apps.audit.queries.why import why
from apps.audit.rules import binding
from apps.common.acting import acting
from apps.common.clock import now
from apps.common.errors import Absent
from apps.ledger.models import LedgerEvent
from apps.pilots.invoices.models import Payment
from apps.policies import snapshot
from apps.policies.adoption import enforce
from apps.policies.models import Policy, PolicyVersion
from apps.policies.services import save_draft
from apps.registry.models import Grant
from apps.registry.services import revoke_grant
from apps.runtime.models import Action
from tests.pilots.test_invoices import drop_wanted, work

words = st.text(max_size=12)


@given(words, words, words, st.lists(st.tuples(words, words), max_size=4))
def test_anything_that_differs_is_said(
    action: str, request: str, anew: str, votes: list[tuple[str, str]]
) -> None:
    found = binding.compare(action=action, request=request, votes=votes, recomputed=anew)
    agrees = (
        action == request
        and (not anew or anew == request)
        and all(seen == request for _, seen in votes)
    )
    assert (found.result == "matches") is agrees
    assert bool(found.differing) is not agrees


def test_the_chain_leads_from_a_payment_to_its_rule_and_its_people(
    demo: dict[str, User], paid: Action
) -> None:
    found = why(demo["auditor"], paid.pk)
    assert found.run is not None
    assert len(found.facts) == len(paid.facts)
    assert ("Account matches", "yes") in [(fact.title, fact.text) for fact in found.facts]
    clause = next(each for each in found.clauses if each.rule_id == "fresh-account")
    assert clause.sentence == "The supplier's account is younger than 30 days."
    assert clause.text.startswith('@id("fresh-account")')
    assert clause.genuine
    assert clause.activated is not None
    assert found.people == [str(demo["amara"])]
    assert (found.binding.result, found.binding.differing) == ("matches", ())
    assert found.binding.recomputed == paid.action_digest
    assert [effect.status for effect in found.effects] == ["done"]
    change, names = found.before_it[0]
    assert change.tool_name == "suppliers.change_account"
    assert names == sorted(str(demo[name]) for name in ("clara", "bruno"))
    changed = why(demo["auditor"], change.pk)
    assert changed.people == names
    assert changed.binding.result == "matches"


def test_the_page_is_reached_from_the_payment_the_run_the_request_and_the_event(
    demo: dict[str, User], paid: Action, signed_in: Callable[[User], Client]
) -> None:
    client = signed_in(demo["auditor"])
    payment = Payment.objects.get()
    url = f"/audit/why/{paid.pk}"
    by_key = client.get(f"/audit/why/by-key/{payment.idem_key}")
    assert (by_key.status_code, by_key["Location"]) == (302, url)
    run = client.get(f"/audit/object/orchestration.run/{paid.run_id}").context["subject"].page_url
    request = ApprovalRequest.objects.get(pk=paid.approval_id)
    event = LedgerEvent.objects.filter(type="action.review", object_id=str(paid.pk)).get()
    for page in (run, f"/inbox/C-{request.number}", f"/audit/{event.pk}"):
        assert url in client.get(page).content.decode(), page
    assert b"younger than 30 days" in client.get(url).content


def test_a_forged_approval_shows(demo: dict[str, User], paid: Action) -> None:
    Vote.objects.filter(request=paid.approval_id).update(digest="0" * 64)
    found = why(demo["auditor"], paid.pk)
    assert found.binding.result == "differs"
    assert "saw another digest" in found.binding.differing[0]


def test_arguments_that_were_changed_afterwards_show(demo: dict[str, User], paid: Action) -> None:
    Action.objects.filter(pk=paid.pk).update(arguments={"document": "another"})
    found = why(demo["auditor"], paid.pk)
    assert found.binding.result == "differs"
    assert "computed anew" in found.binding.differing[0]


def test_an_approval_that_is_not_there_shows(demo: dict[str, User], paid: Action) -> None:
    other = Action.objects.get(tool_name="suppliers.change_account")
    Action.objects.filter(pk=paid.pk).update(approval_id=None)
    ApprovalRequest.objects.filter(action_ref=paid.pk).update(action_ref=other.pk)
    assert why(demo["auditor"], paid.pk).binding.result == "none_found"


def test_a_text_that_was_swapped_shows(demo: dict[str, User], paid: Action) -> None:
    version = PolicyVersion.objects.get(policy__slug="payment-approval", status="in_force")
    snapshot.forget()
    forged = version.text.replace("younger than 30", "younger than 3")
    type(version)._base_manager.filter(pk=version.pk)._raw_delete  # noqa: B018
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE policies_policyversion SET text = %s WHERE id = %s", [forged, version.pk]
        )
    found = why(demo["auditor"], paid.pk)
    assert not next(each for each in found.clauses if each.policy == "payment-approval").genuine


def test_what_needed_nobody_says_so(demo: dict[str, User]) -> None:
    drop_wanted()
    work()
    action = Action.objects.filter(tool_name="invoices.post", status="done").get()
    found = why(demo["auditor"], action.pk)
    assert found.binding.result == "none_required"
    assert found.clauses[0].grant is not None


def test_a_stranger_learns_nothing(demo: dict[str, User], paid: Action, stranger: User) -> None:
    with pytest.raises(Absent):
        why(stranger, paid.pk)


def test_judged_again_then_and_today(demo: dict[str, User], paid: Action) -> None:
    same = again(demo["auditor"], paid.pk)
    assert same is not None
    assert (same.recorded.effect, same.then.effect, same.today.effect) == ("review",) * 3
    assert same.then_matches
    assert same.then.reasons == same.today.reasons
    loosened = """@id("large-payment") @checkpoint("payment-approval") @approvers("1")
        @within("PT4H") @reason("Large.")
        forbid (principal, action == Action::"payments.schedule", resource)
        when { context.facts.amount > 1000000000 }
        unless { context.approvals.contains("payment-approval") };"""
    with acting(label="cast"):
        draft = save_draft(
            actor=None, policy=Policy.objects.get(slug="payment-approval"), text=loosened
        )
        enforce(version=draft, reason="Test")
    after = again(demo["auditor"], paid.pk)
    assert after is not None
    assert (after.then.effect, after.today.effect) == ("review", "allow")
    assert after.then_matches
    assert not after.same_today
    with acting(label="cast"):
        held = Grant.objects.get(agent=paid.agent, tool=paid.tool, revoked_at__isnull=True)
        revoke_grant(actor=None, grant=held, reason="Test")
    last = again(demo["auditor"], paid.pk)
    assert last is not None
    assert (last.then.effect, last.today.effect) == ("review", "deny")
    assert last.grants_then == 1


def test_opening_the_chain_is_on_record_once(
    demo: dict[str, User], paid: Action, signed_in: Callable[[User], Client]
) -> None:
    client = signed_in(demo["auditor"])
    for _ in range(3):
        client.get(f"/audit/why/{paid.pk}")
    told = LedgerEvent.objects.filter(type="audit.read", object_id=str(paid.pk))
    assert [event.actor_label for event in told] == [str(demo["auditor"])]
    assert told[0].at > now() - dt.timedelta(minutes=5)
