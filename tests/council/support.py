"""A motion at each stage of its life, in a few words."""

from __future__ import annotations

import datetime as dt

from django.db.models import F

from apps.access.models import User
from apps.council.models import Ballot, Motion
from apps.council.services import ballots, motions, proposals, sweeps
from apps.ledger.models import LedgerEvent
from apps.policies import backtests, replay
from apps.policies.models import Backtest, PolicyVersion
from apps.policies.services import save_draft
from apps.registry.models import Agent
from apps.runtime import gate
from apps.runtime.rules import CallContext

FORBID_GLASS = """
@id("no-glass") @reason("No glass on the shelf.")
forbid (principal, action == Action::"shelf.put", resource)
when { context.args.thing == "glass" };
"""

FORBID_MORE = FORBID_GLASS.replace('"glass"', '"glass" || context.args.thing == "steel"')

Council = dict[str, User]


def draft_of(base: PolicyVersion, author: User, text: str = FORBID_MORE) -> PolicyVersion:
    version = save_draft(actor=author, policy=base.policy, text=text)
    with_backtest(version)
    return version


def with_backtest(version: PolicyVersion) -> Backtest:
    row = backtests.start_backtest(actor=None, version=version)
    while replay.work_on(row.pk):
        pass
    row.refresh_from_db()
    assert row.status == "done"
    return row


def over(motion: Motion, *names: str) -> None:
    """Time passes: the named moments are past."""
    Motion.objects.filter(pk=motion.pk).update(
        **{name: F("created_at") - dt.timedelta(seconds=1) for name in names}
    )
    motion.refresh_from_db()


def in_ballot(base: PolicyVersion, council: Council, text: str = FORBID_MORE) -> Motion:
    motion = proposals.propose_policy(
        actor=council["compliance"],
        version=draft_of(base, council["compliance"], text),
        rationale="Steel breaks, too.",
    )
    motions.second(actor=council["chair"], motion=motion)
    over(motion, "comment_ends_at")
    sweeps.sweep()
    motion.refresh_from_db()
    assert motion.status == "ballot", motion.outcome_note
    return motion


def vote(motion: Motion, user: User, choice: str = "for", reason: str = "") -> Ballot:
    return ballots.cast(
        actor=user,
        motion=motion,
        choice=choice,
        reason=reason,
        packet_digest=motion.packet_digest,
    )


def settle() -> None:
    """What beat and the worker do: sweeps, and the backtest before anything takes effect."""
    for _ in range(2):
        sweeps.sweep()
        for pk in backtests.due():
            while replay.work_on(pk):
                pass
    sweeps.sweep()


def closed(motion: Motion) -> Motion:
    over(motion, "ballot_closes_at")
    settle()
    motion.refresh_from_db()
    return motion


def effect(thing: str, agent: Agent) -> str:
    outcome = gate.attempt(
        agent_id=agent.pk,
        tool="shelf.put",
        arguments={"thing": thing, "amount": 1},
        call=CallContext(idem_key=f"{thing}-{LedgerEvent.objects.count()}"),
    )
    return outcome.verdict
