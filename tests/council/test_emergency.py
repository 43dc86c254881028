"""Two people stop something at once; it ends by itself, and what was before comes back."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest

from apps.access.models import User
from apps.common.clock import now
from apps.common.errors import Conflict, NotPermitted
from apps.council.models import Measure, Motion
from apps.council.services import ballots, emergency, sweeps
from apps.policies.models import PolicyVersion
from apps.registry.models import Agent, Tool
from apps.registry.queries import standing
from apps.registry.services import resume_agent, set_tool_status, suspend_agent
from apps.runtime import gate
from apps.runtime.rules import CallContext
from tests.policies.test_four_outcomes import FORBID_GLASS

Council = dict[str, User]


def taken(council: Council, kind: str, target: str) -> Measure:
    measure = emergency.ask_measure(
        actor=council["security"], kind=kind, target=target, reason="It went wild."
    )
    return emergency.second_measure(actor=council["chair"], measure=measure)


def lapse(measure: Measure, *, ago: dt.timedelta = dt.timedelta(seconds=1)) -> None:
    Measure.objects.filter(pk=measure.pk).update(ends_at=now() - ago)
    emergency.sweep()
    measure.refresh_from_db()


def test_an_agent_stops_at_once_and_works_again_when_the_measure_lapses(
    council: Council, agent: Agent, operator: User
) -> None:
    measure = taken(council, "suspend_agent", agent.slug)
    assert measure.status == "in_force"
    assert not standing(agent.pk, None).ok
    with pytest.raises(Conflict, match="holds this agent"):
        resume_agent(actor=operator, agent=agent, reason="We need it.")
    lapse(measure)
    assert (measure.status, measure.restored) == ("lapsed", True)
    assert standing(agent.pk, None).ok


def test_the_lapse_comes_late_when_the_scheduler_was_down(council: Council, agent: Agent) -> None:
    measure = taken(council, "suspend_agent", agent.slug)
    lapse(measure, ago=dt.timedelta(days=9))
    assert measure.status == "lapsed"
    emergency.sweep()
    assert standing(agent.pk, None).ok


def test_what_was_stopped_before_stays_stopped(
    council: Council, agent: Agent, operator: User
) -> None:
    suspend_agent(actor=operator, agent=agent, reason="Odd.")
    measure = taken(council, "suspend_agent", agent.slug)
    lapse(measure)
    assert measure.restored is False
    assert not standing(agent.pk, None).ok


def test_a_tool_is_stopped_for_every_agent(
    council: Council, agent: Agent, tool: Tool, administrator: User, policy: Callable[..., Any]
) -> None:
    policy(FORBID_GLASS)
    measure = taken(council, "deny_tool", tool.name)
    outcome = gate.attempt(
        agent_id=agent.pk,
        tool=tool.name,
        arguments={"thing": "book", "amount": 1},
        call=CallContext(idem_key="one"),
    )
    assert (outcome.verdict, outcome.code) == ("deny", "tool_suspended")
    with pytest.raises(Conflict):
        set_tool_status(actor=administrator, tool=tool, status="active", reason="Now.")
    emergency.lift(actor=council["compliance"], measure=measure, reason="It was nothing.")
    tool.refresh_from_db()
    assert (tool.status, tool.hold) == ("active", "")


def test_a_frozen_policy_keeps_its_forbids_and_comes_back(
    council: Council, agent: Agent, policy: Callable[..., Any]
) -> None:
    version: PolicyVersion = policy(FORBID_GLASS, slug="p")
    measure = taken(council, "freeze_policy", "p")
    version.refresh_from_db()
    assert version.status == "suspended"
    lapse(measure)
    version.refresh_from_db()
    assert version.status == "in_force"


def test_one_person_is_not_enough_and_two_are_two(council: Council, agent: Agent) -> None:
    measure = emergency.ask_measure(
        actor=council["security"], kind="suspend_agent", target=agent.slug, reason="Wild."
    )
    assert standing(agent.pk, None).ok
    with pytest.raises(NotPermitted):
        emergency.second_measure(actor=council["security"], measure=measure)
    with pytest.raises(NotPermitted):
        emergency.second_measure(actor=council["legal"], measure=measure)
    with pytest.raises(Conflict):
        emergency.ask_measure(
            actor=council["chair"], kind="suspend_agent", target=agent.slug, reason="Wild."
        )


@pytest.mark.parametrize("who", ["administrator", "operator", "auditor", "stranger"])
def test_nobody_else_takes_a_measure(
    who: str, council: Council, agent: Agent, request: pytest.FixtureRequest
) -> None:
    with pytest.raises(NotPermitted):
        emergency.ask_measure(
            actor=request.getfixturevalue(who),
            kind="suspend_agent",
            target=agent.slug,
            reason="Wild.",
        )


def test_a_measure_opens_its_own_ratification_and_three_quarters_extend_it(
    council: Council, agent: Agent
) -> None:
    measure = taken(council, "suspend_agent", agent.slug)
    motion = Motion.objects.get(pk=measure.motion_id)
    assert (motion.status, motion.klass) == ("ballot", "constitutional")
    for user in council.values():
        ballots.cast(
            actor=user, motion=motion, choice="for", reason="", packet_digest=motion.packet_digest
        )
    Motion.objects.filter(pk=motion.pk).update(ballot_closes_at=now())
    sweeps.sweep()
    motion.refresh_from_db()
    assert motion.status == "effective"
    before = measure.ends_at
    measure.refresh_from_db()
    assert measure.ends_at is not None
    assert before is not None
    assert measure.ends_at > before


def test_the_same_measure_is_not_renewed_without_the_council(
    council: Council, agent: Agent
) -> None:
    lapse(taken(council, "suspend_agent", agent.slug))
    with pytest.raises(Conflict, match="bring it to the council"):
        taken(council, "suspend_agent", agent.slug)


def test_what_nobody_seconds_is_dropped(council: Council, agent: Agent) -> None:
    measure = emergency.ask_measure(
        actor=council["security"], kind="suspend_agent", target=agent.slug, reason="Wild."
    )
    Measure.objects.filter(pk=measure.pk).update(asked_at=now() - dt.timedelta(days=2))
    emergency.sweep()
    measure.refresh_from_db()
    assert measure.status == "refused"


def test_no_verb_of_the_emergency_loosens() -> None:
    verbs = {name for name in dir(emergency) if name.startswith(("grant", "activate", "allow"))}
    assert verbs == set()
    assert {kind.value for kind in emergency.MeasureKind} == {
        "suspend_agent", "freeze_policy", "deny_tool",
    }  # fmt: skip
