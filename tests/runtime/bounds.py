"""What the tests of the bound by readiness share: acts of an agent, and how people answer."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

from apps.approvals import services as approvals
from apps.approvals.models import ApprovalRequest
from apps.common.acting import acting
from apps.registry.models import Agent
from apps.registry.services import bump, register_tool
from apps.runtime import gate, toolbox
from apps.runtime.models import Action
from apps.runtime.rules import CallContext, Outcome
from tests.support import SPEC, Shelf

NUMBERS = itertools.count(1)
SAMPLED = """
@id("seen") @checkpoint("shelf") @sampled("true") @reason("People see a share of these.")
forbid (principal, action == Action::"shelf.put", resource)
unless { context.approvals.contains("shelf") };
"""
WORDS = {0: "Not assessed", 1: "Not yet", 2: "Partly", 3: "Mostly", 4: "Ready"}


def named(agent: Agent, slug: str = "stocking") -> None:
    """The agent's permissions name the process."""
    for row in agent.grants.all():
        row.process = slug
        row.save()
    bump()


def put(agent: Agent, thing: str = "book", amount: Any = 1, tool: str = "shelf.put") -> Outcome:
    with acting(kind="agent", id=str(agent.pk), label=agent.label):
        return gate.attempt(
            agent_id=agent.pk,
            tool=tool,
            arguments={"thing": thing, "amount": amount},
            call=CallContext(idem_key=f"key-{next(NUMBERS)}"),
        )


def share(agent: Agent, number: int = 60) -> list[Outcome]:
    return [put(agent, f"book {each}") for each in range(number)]


def effect_of_shelf(effect: str, shelf: Shelf) -> None:
    shelf.tools = (replace(SPEC, effect=effect),)
    toolbox.register(shelf)
    register_tool(actor=None, spec=shelf.tools[0])


def approve(outcome: Outcome, person: Any) -> None:
    request = ApprovalRequest.objects.get(pk=outcome.approval_id)
    approvals.vote(
        actor=person,
        request_id=request.pk,
        choice="approve",
        reason="Looked at it.",
        digest=request.action_digest,
    )


def action_of(outcome: Outcome) -> Action:
    return Action.objects.get(pk=outcome.action_id)
