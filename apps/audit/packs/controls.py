"""The controls that a pack can be about: what they state, which acts are their population, and
which of these are exceptions. Pure."""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Control:
    """`acts` are beginnings of act codes; () is every act. An act is an exception by its code or
    by its outcome."""

    code: str
    title: str
    statement: str
    acts: tuple[str, ...] = ()
    exceptions: tuple[str, ...] = ()
    outcomes: tuple[str, ...] = ()

    def covers(self, act: str) -> bool:
        return not self.acts or act.startswith(self.acts)

    def exceptional(self, act: str, outcome: str) -> bool:
        return act in self.exceptions or outcome in self.outcomes


CONTROLS: dict[str, Control] = {
    control.code: control
    for control in (
        Control(
            "GC-00",
            "Everything on record",
            "Every act of people, agents and the system in the period.",
            outcomes=("failed", "in_doubt"),
        ),
        Control(
            "GC-01",
            "Every action of an agent passes the gate",
            "Each action of an agent was judged by the policies in force, and recorded with its "
            "verdict, facts and policy versions before anything was done.",
            ("action.",),
            ("action.in_doubt", "action.undo_refused"),
            ("failed", "in_doubt"),
        ),
        Control(
            "GC-02",
            "People decide what policies send to them",
            "Each question to people was answered by people entitled to it, or lapsed; refused "
            "and stale decisions are the exceptions.",
            ("approval.", "delegation."),
            ("approval.refused", "approval.stale", "approval.vote_voided"),
        ),
        Control(
            "GC-03",
            "Policies come into force by the council's vote",
            "Each change of a policy and each motion of the council, with votes and counts.",
            (
                "policy.",
                "motion.",
                "measure.",
                "question.",
                "seat.",
                "council.",
                "sitting.",
                "certification.",
            ),
            ("measure.began", "motion.extended"),
        ),
        Control(
            "GC-04",
            "Access is given and taken by decision",
            "Each role, queue right, credential and sign-in; refusals are the exceptions.",
            ("access.", "role.", "person.", "queue_right.", "credential.", "review."),
            ("access.refused", "access.sign_in_failed", "credential.refused", "review.refused"),
            ("denied",),
        ),
        Control(
            "GC-05",
            "Agents, tools and permissions are registered and changed on record",
            "Each change of an agent, a tool and a permission, by whom and why.",
            ("agent.", "tool.", "grant.", "reference_list.", "circuit.", "limit.", "precedence."),
            ("circuit.opened",),
        ),
        Control(
            "GC-06",
            "Runs end as they should",
            "Each run and step that was started, with its end; what got stuck is an exception.",
            ("run.", "runs.", "step.", "workflow."),
            ("run.stuck", "step.dead", "step.in_doubt"),
            ("failed",),
        ),
        Control(
            "GC-07",
            "The record itself is watched",
            "Keys, verifications, purges, erasures, holds, searches and exports of the trail.",
            ("ledger.", "history.", "evidence.", "audit."),
            ("ledger.broken", "ledger.key_lost", "history.bound"),
        ),
        Control(
            "GC-08",
            "Human oversight is set up, and tested",
            "Queues, checkpoints, their sampling, standing approvals, freezes, training and the "
            "vigilance programme: each change, and what the tests of attention showed.",
            (
                "queue.",
                "checkpoint.",
                "calendar.",
                "standing.",
                "freeze.",
                "reason_code.",
                "scope.",
                "skipped.",
                "vigilance.",
                "seed.",
                "training.",
            ),
            ("checkpoint.unsatisfiable", "scope.demoted", "training.lowered"),
        ),
        Control(
            "GC-09",
            "Incidents are contained, and something is learnt from them",
            "Each incident from its first sign to its close; what came back, what could not be "
            "contained and risks that were accepted are the exceptions.",
            ("incident.", "barrier."),
            ("incident.reopened", "incident.containment_failed", "incident.risk_accepted"),
            ("failed",),
        ),
        Control(
            "GC-10",
            "Agents work where it was measured that they can",
            "The inventory of processes, what was measured of them and from what, and who let a "
            "level rise; answers that were sent back and work that failed are the exceptions.",
            ("readiness.",),
            ("readiness.interview_refused", "readiness.work_failed"),
            ("failed",),
        ),
    )
}


def rank(seed: str, seq: int) -> str:
    """A row's place in the draw: whoever knows the seed draws the same sample, in any language."""
    return hashlib.sha256(f"{seed}:{seq}".encode()).hexdigest()


def drawn(seed: str, size: int, seqs: Iterable[int]) -> list[int]:
    """The sample: the `size` rows of lowest rank, in their order. Memory grows with the sample."""
    lowest = heapq.nsmallest(size, ((rank(seed, seq), seq) for seq in seqs))
    return sorted(seq for _, seq in lowest)
