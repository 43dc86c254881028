"""Two people stop something at once; it ends by itself, and what was before comes back."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from django.test import Client

from apps.access.models import User
from apps.approvals.models import Notice, Scope
from apps.approvals.services import scope_for, tighten
from apps.common.clock import now
from apps.common.errors import Conflict, NotPermitted
from apps.council.models import Measure, Motion
from apps.council.services import ballots, emergency, sweeps
from apps.council.templatetags.measures import measures_over
from apps.ledger.models import LedgerEvent
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
    """Its three days are over, and beat comes by so much later."""
    ends_at = now() - ago
    began_at = ends_at - dt.timedelta(days=3)
    Measure.objects.filter(pk=measure.pk).update(began_at=began_at, ends_at=ends_at)
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


def test_the_page_of_what_is_held_shows_the_measure_and_its_end(
    council: Council, agent: Agent, tool: Tool, signed_in: Callable[[User], Client]
) -> None:
    first = taken(council, "suspend_agent", agent.slug)
    second = taken(council, "deny_tool", tool.name)
    page = signed_in(council["legal"])
    for url, measure in ((f"/agents/{agent.slug}", first), (f"/agents/tools/{tool.name}", second)):
        shown = page.get(url).content.decode()
        assert f"/council/emergency/{measure.reference}" in shown
        assert "ends by itself" in shown


def test_the_page_of_a_run_shows_what_holds_its_agents_and_tools(
    council: Council, agent: Agent, tool: Tool
) -> None:
    lines = [SimpleNamespace(step=SimpleNamespace(agent=agent, tool=tool.name))] * 2
    assert measures_over(lines) == ""
    held = [taken(council, "suspend_agent", agent.slug), taken(council, "deny_tool", tool.name)]
    shown = measures_over(lines)
    for measure in held:
        assert shown.count(f"/council/emergency/{measure.reference}") == 1
    assert shown.count("ends by itself") == 2
    for measure in held:
        lapse(measure)
    assert measures_over(lines) == ""


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


def test_every_question_of_an_agent_goes_to_people_until_the_measure_lapses(
    council: Council, agent: Agent
) -> None:
    before = scope_for(agent, "shelf.put", "medium")
    other = scope_for(agent, "shelf.put", "low")
    Scope.lock(before.pk).compare_and_set(where={}, level=2)
    tighten(scope=other, reason="Somebody saw something.")
    measure = taken(council, "review_agent", agent.slug)
    before.refresh_from_db()
    assert (before.held, before.level) == (True, 2)
    assert standing(agent.pk, None).ok
    lapse(measure)
    before.refresh_from_db()
    other.refresh_from_db()
    assert (before.held, other.held) == (False, True)


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


def test_what_was_lifted_may_be_taken_again_for_the_time_that_is_left(
    council: Council, agent: Agent
) -> None:
    first = taken(council, "suspend_agent", agent.slug)
    began_at = now() - dt.timedelta(days=2, hours=20)
    Measure.objects.filter(pk=first.pk).update(began_at=began_at)
    emergency.lift(actor=council["chair"], measure=first, reason="It seems over.")
    second = taken(council, "suspend_agent", agent.slug)
    assert second.ends_at is not None
    assert second.ends_at - now() < dt.timedelta(hours=4, minutes=1)


def test_the_end_is_announced_a_day_and_four_hours_before_once_each(
    council: Council, agent: Agent
) -> None:
    measure = taken(council, "suspend_agent", agent.slug)

    def told(user: User) -> list[str]:
        return list(Notice.objects.filter(user=user).order_by("at").values_list("title", flat=True))

    emergency.sweep()
    owner = agent.owner
    assert len(told(owner)) == 2
    for left, words in ((23, "Ends within a day"), (3, "Last hours")):
        ends_at = now() + dt.timedelta(hours=left)
        Measure.objects.filter(pk=measure.pk).update(ends_at=ends_at)
        before = len(told(owner))
        emergency.sweep()
        emergency.sweep()
        assert len(told(owner)) == before + 1
        assert told(owner)[-1].startswith(words)
        assert told(council["legal"])[-1].startswith(words)
    lapse(measure)
    assert told(owner)[-1].startswith("Emergency measure lapsed")


def test_those_who_took_it_report_within_two_days_and_once(
    council: Council, agent: Agent, signed_in: Callable[[User], Client]
) -> None:
    measure = taken(council, "suspend_agent", agent.slug)
    member = signed_in(council["legal"])
    assert "Emergency measures to be reported on" in member.get("/council/").content.decode()
    with pytest.raises(NotPermitted):
        emergency.give_report(actor=council["legal"], measure=measure, text="It was fine.")
    url = f"/council/emergency/{measure.reference}"
    chair = signed_in(council["chair"])
    assert chair.post(f"{url}/report", {"text": " "}).status_code == 422
    assert chair.post(f"{url}/report", {"text": "It paid twice."}).status_code == 302
    with pytest.raises(Conflict):
        emergency.give_report(actor=council["security"], measure=measure, text="Me, too.")
    assert "It paid twice." in member.get(url).content.decode()
    event = LedgerEvent.objects.get(type="measure.reported")
    assert event.after == {"late": False}


def test_the_second_person_sees_in_numbers_what_it_stops(
    council: Council, agent: Agent, tool: Tool, policy: Callable[..., Any],
    signed_in: Callable[[User], Client], stranger: User,
) -> None:  # fmt: skip
    policy(FORBID_GLASS, slug="glass")
    shown = {
        "suspend_agent": (agent.slug, "It acted 0 times in the last 24 hours."),
        "deny_tool": (tool.name, "Every call of it is refused, for 1 agent with a permission."),
        "freeze_policy": ("glass", "Its prohibitions and checkpoints stay: 1."),
    }
    for kind, (target, words) in shown.items():
        measure = emergency.ask_measure(
            actor=council["security"], kind=kind, target=target, reason="Odd."
        )
        url = f"/council/emergency/{measure.reference}"
        assert words in signed_in(council["chair"]).get(url).content.decode()
        assert signed_in(stranger).get(url).status_code == 404


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
        "suspend_agent", "review_agent", "freeze_policy", "deny_tool",
    }  # fmt: skip
