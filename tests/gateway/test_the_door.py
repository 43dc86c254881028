"""The door for outside agents, and the read API for people."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from apps.access.models import User
from apps.approvals.models import ApprovalRequest
from apps.approvals.services import edit, vote
from apps.common.clock import now
from apps.ledger.models import LedgerEvent
from apps.orchestration.queries import attention
from apps.registry.models import Agent
from apps.registry.services import (
    activate_agent,
    grant,
    issue_credential,
    register_agent,
    register_tool,
    revoke_credential,
    save_reference_list,
)
from apps.runtime import outside
from apps.runtime.models import Action, BudgetUse, Session
from apps.runtime.services import set_budget
from tests.conftest import spec_named
from tests.policies.test_four_outcomes import ASK_ABOVE_TEN, FORBID_GLASS
from tests.support import Shelf

PAY = {
    "type": "object",
    "properties": {"recipient": {"type": "string"}, "amount": {"type": "integer"}},
    "required": ["recipient", "amount"],
    "additionalProperties": False,
}
KNOWN = {
    "type": "object",
    "properties": {
        "known": {"type": "boolean", "in_list": "payees", "argument": "recipient"},
    },
}
PAYEES = """
@id("unknown-payee") @checkpoint("shelf") @reason("Nobody here knows this payee.")
forbid (principal, action == Action::"pay", resource)
unless { (context.facts has known && context.facts.known) || context.approvals.contains("shelf") };
"""


class Caller:
    """An outside agent: it has its key, and nothing else."""

    def __init__(self, key: str) -> None:
        self.key, self.client = key, Client()

    def post(self, path: str, body: Any, **headers: str) -> Any:
        return self.client.post(
            path,
            body if isinstance(body, str) else json.dumps(body),
            content_type="application/json",
            headers={"Authorization": f"Bearer {self.key}", **headers},
        )

    def get(self, path: str) -> Any:
        return self.client.get(path, headers={"Authorization": f"Bearer {self.key}"})

    def ask(self, tool: str = "shelf.put", **more: Any) -> Any:
        headers = more.pop("headers", {})
        arguments = more.pop("arguments", {"thing": "book", "amount": 1})
        return self.post(
            "/api/v1/actions", {"tool": tool, "arguments": arguments, **more}, **headers
        )


def key_of(agent: Agent) -> str:
    return issue_credential(
        actor=None, agent=agent, label="k", expires_at=now() + dt.timedelta(days=5)
    )[1]


@pytest.fixture
def caller(agent: Agent, policy: Callable[..., Any], checkpoint: Any) -> Caller:
    policy(FORBID_GLASS + ASK_ABOVE_TEN, slug="shelf-rules")
    return Caller(key_of(agent))


@pytest.fixture
def payer(caller: Caller, agent: Agent, policy: Callable[..., Any]) -> Caller:
    spec = spec_named("pay", input_schema=PAY, facts_schema=KNOWN, effect="write", executor="agent")
    tool = register_tool(actor=None, spec=spec)
    grant(
        actor=None,
        agent=agent,
        tool=tool,
        expires_at=now() + dt.timedelta(days=5),
        reason="x",
    )
    policy(PAYEES, slug="payees")
    save_reference_list(
        actor=None, slug="payees", title="Payees", values=["ACME ", "Bolt"], reason="x"
    )
    return caller


def test_allow_answers_with_what_was_done(caller: Caller, shelf: Shelf) -> None:
    answer = caller.ask(purpose="Restock").json()
    assert answer["decision"] == "allow"
    assert answer["result"] == {"total": 1}
    assert answer["reasons"][0]["policy"] == "grants"
    assert caller.get(f"/api/v1/actions/{answer['action']}").json()["status"] == "done"


def test_deny_says_why(caller: Caller, shelf: Shelf) -> None:
    answer = caller.ask(arguments={"thing": "glass", "amount": 1})
    assert answer.status_code == 200
    assert answer.json()["decision"] == "deny"
    assert answer.json()["reasons"][0]["sentence"] == "Glass breaks."
    assert answer.json()["policy_versions"] == {"shelf-rules": 1}


def test_review_says_until_when_and_goes_on_after_the_yes(
    caller: Caller, shelf: Shelf, approver: User
) -> None:
    answer = caller.ask(arguments={"thing": "book", "amount": 11}).json()
    assert answer["decision"] == "review"
    assert answer["decide_by"] == answer["expires_at"]
    request = ApprovalRequest.objects.get()
    vote(
        actor=approver,
        request_id=request.pk,
        choice="approve",
        reason="Fine.",
        digest=request.action_digest,
    )
    assert outside.go_on() == 1
    later = caller.get(f"/api/v1/actions/{answer['action']}").json()
    assert (later["decision"], later["status"]) == ("allow", "done")
    assert shelf.stock == {"book": 11}


def test_an_agent_is_told_which_call_took_the_place_of_its_own(
    caller: Caller, shelf: Shelf, approver: User
) -> None:
    answer = caller.ask(arguments={"thing": "book", "amount": 20}).json()
    assert answer["edited"] is None
    request = ApprovalRequest.objects.get()
    edit(
        actor=approver,
        request_id=request.pk,
        tool="shelf.put",
        arguments={"thing": "book", "amount": 12},
        reason="Twelve are enough.",
        digest=request.action_digest,
    )
    for _ in range(2):
        outside.go_on()
    later = caller.get(f"/api/v1/actions/{answer['action']}").json()
    assert later["decision"] == "deny"
    told = later["edited"]
    assert (told["arguments"]["amount"], told["reason"]) == (12, "Twelve are enough.")
    assert caller.get(f"/api/v1/actions/{told['action']}").json()["status"] == "done"
    assert shelf.stock == {"book": 12}


def test_an_idempotency_key_acts_once_and_refuses_another_call(
    caller: Caller, shelf: Shelf
) -> None:
    headers = {"Idempotency-Key": "order-7"}
    first, second = caller.ask(headers=headers).json(), caller.ask(headers=headers).json()
    assert first["action"] == second["action"]
    other = caller.ask(headers=headers, arguments={"thing": "pen", "amount": 1})
    assert other.status_code == 409
    assert shelf.stock == {"book": 1}


@pytest.mark.parametrize("key", ["", "agk_x", "agk_aaaaaaaaaaaa_" + "b" * 43])
def test_without_a_good_key_nothing_is_told(caller: Caller, key: str) -> None:
    response = Caller(key).ask()
    assert response.status_code == 401
    assert "decision" not in response.json()


def test_a_revoked_key_stops_the_next_call(caller: Caller, agent: Agent, shelf: Shelf) -> None:
    assert caller.ask().status_code == 200
    revoke_credential(actor=None, credential=agent.credentials.get(), reason="Leaked")
    assert caller.ask().status_code == 401


def test_the_key_says_who_it_is_and_the_body_does_not(
    caller: Caller, shelf: Shelf, agent: Agent
) -> None:
    caller.ask(agent="administrator", agent_id=99, credential=1)
    assert Action.objects.get().agent_id == agent.pk


def test_another_agents_action_is_not_there(
    caller: Caller, owner: User, administrator: User, agent: Agent, shelf: Shelf
) -> None:
    other = register_agent(
        actor=None,
        slug="other",
        name="Other",
        purpose="x",
        owner=owner,
        created_by=administrator,
        sponsor=agent.sponsor,
    )
    activate_agent(actor=None, agent=other, reason="x")
    action = caller.ask().json()["action"]
    stranger = Caller(key_of(other))
    assert stranger.get(f"/api/v1/actions/{action}").status_code == 404
    body = {"succeeded": True}
    assert stranger.post(f"/api/v1/actions/{action}/outcome", body).status_code == 404


def test_a_person_signed_in_is_no_agent(
    administrator: User, signed_in: Callable[[User], Client]
) -> None:
    response = signed_in(administrator).post(
        "/api/v1/actions", json.dumps({"tool": "x"}), content_type="application/json"
    )
    assert response.status_code in (401, 403)


@pytest.mark.parametrize(
    "body",
    [
        "",
        "[]",
        "{",
        '"x"',
        "{}",
        '{"tool": 3, "arguments": {}}',
        '{"tool": "shelf.put", "arguments": []}',
        '{"tool": "shelf.put", "arguments": {}, "facts": 1}',
        '{"tool": "shelf.put", "arguments": {}, "purpose": "a\\u0000b"}',
        '{"tool": "' + "x" * 200 + '", "arguments": {}}',
        '{"tool": "shelf.put", "arguments": {"a": NaN}}',
        '{"tool": "shelf.put", "arguments": ' + '{"a":' * 2000 + "1" + "}" * 2000 + "}",
    ],
)
def test_bad_input_is_told_and_does_nothing(caller: Caller, shelf: Shelf, body: str) -> None:
    response = caller.post("/api/v1/actions", body)
    assert response.status_code in (400, 422)
    assert not Action.objects.exists()


def test_claims_are_kept_apart_and_open_nothing(payer: Caller) -> None:
    answer = payer.ask(
        "pay", arguments={"recipient": "Mallory", "amount": 5}, facts={"known": True}
    ).json()
    assert answer["decision"] == "review"
    action = Action.objects.get()
    assert (action.claims, action.facts["known"]["value"]) == ({"known": True}, False)


def test_what_the_organisation_knows_is_a_fact(payer: Caller) -> None:
    answer = payer.ask("pay", arguments={"recipient": "ACME", "amount": 5}).json()
    assert (answer["decision"], answer["status"]) == ("allow", "allowed")
    assert answer["execute_by"]


def test_an_agent_reports_its_own_effect_once(payer: Caller) -> None:
    action = payer.ask("pay", arguments={"recipient": "ACME", "amount": 5}).json()["action"]
    report = f"/api/v1/actions/{action}/outcome"
    assert payer.post(report, {"succeeded": "yes"}).status_code == 422
    assert payer.post(report, {"succeeded": True, "result": {"id": 1}}).json()["status"] == "done"
    assert payer.post(report, {"succeeded": True}).status_code == 409


@pytest.fixture
def reader(caller: Caller, agent: Agent, policy: Callable[..., Any]) -> Caller:
    """An agent with two tools of its own: reading mail, which others wrote, and sending it."""
    text = {"type": "object", "properties": {"to": {"type": "string"}}}
    mail = {"type": "object", "properties": {"untrusted": {"type": "array"}}}
    for name, output in (("mail.read", mail), ("mail.send", {})):
        spec = spec_named(name, executor="agent", input_schema=text, output_schema=output)
        tool = register_tool(actor=None, spec=spec)
        end = now() + dt.timedelta(days=5)
        grant(actor=None, agent=agent, tool=tool, expires_at=end, reason="x")
    policy(SENDING, slug="mail")
    return caller


SENDING = """
@id("no-sending-after-reading") @reason("The agent has read text from outside.")
forbid (principal, action == Action::"mail.send", resource)
when { context.session.untrusted_read };
"""


def test_who_was_let_read_text_from_outside_has_read_it_whatever_it_reports(
    reader: Caller,
) -> None:
    def send(session: str) -> str:
        return str(reader.ask("mail.send", arguments={}, session=session).json()["decision"])

    assert send("monday") == "allow"
    assert reader.ask("mail.read", arguments={}, session="monday").json()["decision"] == "allow"
    assert send("monday") == "deny"
    assert send("tuesday") == "allow"
    assert Session.objects.get(external_id="monday").untrusted_sources[0]["path"] == "mail.read"


@pytest.mark.parametrize(
    ("told", "decision"),
    [
        ([{"path": "body", "text": "Pay me"}], "deny"),
        ([], "allow"),
        ("no list", "allow"),
        (["a word"], "deny"),
    ],
)
def test_a_report_may_say_that_text_from_outside_was_read(
    reader: Caller, told: Any, decision: str
) -> None:
    action = reader.ask("mail.send", arguments={}, session="monday").json()["action"]
    body = {"succeeded": True, "result": {"untrusted": told}}
    assert reader.post(f"/api/v1/actions/{action}/outcome", body).status_code == 200
    found = reader.ask("mail.send", arguments={"to": "x"}, session="monday").json()
    assert found["decision"] == decision


def test_a_report_that_comes_too_late_is_refused(payer: Caller) -> None:
    action = payer.ask("pay", arguments={"recipient": "ACME", "amount": 5}).json()["action"]
    Action.objects.update(execute_by=now() - dt.timedelta(seconds=1))
    assert payer.post(f"/api/v1/actions/{action}/outcome", {"succeeded": True}).status_code == 409


def test_what_a_model_used_up_counts_in_the_budget_and_the_next_call_meets_its_end(
    payer: Caller, agent: Agent, administrator: User
) -> None:
    set_budget(
        actor=administrator,
        scope="agent",
        subject=agent.slug,
        unit="tokens",
        amount=1_000,
        window="day",
        reason="x",
    )
    for told, decision in ((700, "allow"), (900, "allow"), (None, "deny")):
        answer = payer.ask("pay", arguments={"recipient": "ACME", "amount": 5}).json()
        assert answer["decision"] == decision
        if told is not None:
            report = {"succeeded": True, "tokens": told}
            payer.post(f"/api/v1/actions/{answer['action']}/outcome", report)
    assert BudgetUse.objects.get().spent == 1_600
    assert "1,000 tokens per day" in answer["error"]
    assert LedgerEvent.objects.filter(type="action.reported").latest("at").after["tokens"] == 900


@pytest.mark.parametrize("tokens", [-1, 1.5, True, "12", None, 10**12])
def test_tokens_are_a_whole_number(payer: Caller, tokens: Any) -> None:
    action = payer.ask("pay", arguments={"recipient": "ACME", "amount": 5}).json()["action"]
    report = {"succeeded": True, "tokens": tokens}
    assert payer.post(f"/api/v1/actions/{action}/outcome", report).status_code == 422


def test_who_never_reports_is_named_where_people_look(
    payer: Caller, operator: User, stranger: User, signed_in: Callable[[User], Client]
) -> None:
    for _ in range(2):
        payer.ask("pay", arguments={"recipient": "ACME", "amount": 5})
    page = signed_in(operator).get("/runs/attention")
    assert b"never reported" not in page.content
    Action.objects.update(execute_by=now() - dt.timedelta(seconds=1))
    page = signed_in(operator).get("/runs/attention")
    assert b"2 calls were allowed in the last 7 days and never reported" in page.content
    assert attention(stranger) == []


READS = ["agents", "runs", "approvals", "policies", "events"]


@pytest.mark.parametrize("what", READS)
def test_the_read_api_is_for_those_who_may(
    what: str,
    caller: Caller,
    shelf: Shelf,
    auditor: User,
    stranger: User,
    signed_in: Callable[[User], Client],
) -> None:
    caller.ask()
    path = f"/api/v1/{what}"
    assert "results" in signed_in(auditor).get(path).json()
    assert signed_in(stranger).get(path).status_code in (403, 404)
    assert caller.get(path).status_code in (401, 403, 404)
    assert Client().get(path).status_code in (401, 403)


def test_events_are_paged_without_skipping(
    caller: Caller, shelf: Shelf, auditor: User, signed_in: Callable[[User], Client]
) -> None:
    for _ in range(45):
        caller.ask()
    page, seen, after = signed_in(auditor), [], ""
    while True:
        answer = page.get("/api/v1/events", {"after": after}).json()
        seen += [row["id"] for row in answer["results"]]
        after = answer["next"]
        if not after:
            break
    assert len(seen) == len(set(seen)) > 100


def test_the_schema_describes_the_door(auditor: User, signed_in: Callable[[User], Client]) -> None:
    text = signed_in(auditor).get("/api/schema").content.decode()
    assert "/api/v1/actions" in text
    assert "/pilots/invoices/deliveries" in text


def test_the_quick_way_and_the_long_way_answer_alike(caller: Caller, shelf: Shelf) -> None:
    """A process that knows the key asks one question; the first call, and odd ones, take longer."""
    first, second = caller.ask(), caller.ask()
    assert (first.status_code, second.status_code) == (200, 200)
    assert first.json().keys() == second.json().keys()
    assert first["Content-Type"] == second["Content-Type"] == "application/json"
    for body in ("{", "NaN", '{"tool": NaN}'):
        assert caller.post("/api/v1/actions", body).status_code == 400
    for body in ("[1]", '{"tool": "x"}'):
        assert caller.post("/api/v1/actions", body).status_code == 422


def test_a_key_known_here_is_judged_by_what_the_database_says_now(
    caller: Caller, agent: Agent, shelf: Shelf
) -> None:
    assert caller.ask().status_code == 200
    stranger = Caller(caller.key[:-1] + ("a" if caller.key[-1] != "a" else "b"))
    unknown = stranger.ask()
    assert (unknown.status_code, unknown["WWW-Authenticate"]) == (401, "Bearer")
    assert stranger.post("/api/v1/actions", {"tool": 1}).status_code == 401
    revoke_credential(actor=None, credential=agent.credentials.get(), reason="Lost")
    refused = caller.ask()
    assert (refused.status_code, refused.json()) == (401, unknown.json())
    assert caller.post("/api/v1/actions", {"tool": 1}).status_code == 401
