"""What may be put to the council, and with which packet."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from apps.access.models import User
from apps.access.services import permitted
from apps.approvals.levels import step_problem
from apps.approvals.models import Checkpoint, Scope
from apps.common.canonical import digest, plain
from apps.common.clock import now
from apps.common.errors import Conflict, Invalid
from apps.common.numbering import save_numbered
from apps.council.models import Motion
from apps.council.packets import (
    capability_packet,
    checkpoint_packet,
    draw_packet,
    rules_packet,
    scope_packet,
    weights_packet,
)
from apps.council.rules import class_of, loosens
from apps.council.services.common import matter_of, refuse_unchanged
from apps.council.states import OPEN, Kind
from apps.ledger.services import record
from apps.policies import adoption, proof
from apps.policies.models import PolicyVersion
from apps.policies.states import VersionStatus
from apps.readiness.mining.weights import problem as weights_problem
from apps.readiness.models import Process
from apps.registry.models import Agent, Grant, Tool
from apps.registry.rules import scope_problem
from apps.registry.services import unknown_argument
from apps.registry.states import AgentStatus

LONGEST_TITLE = 200


def new_motion(*, actor: User, kind: str, title: str, rationale: str, **fields: Any) -> Motion:
    """Saves a motion in draft with its packet and the class that follows from it."""
    packet = fields.pop("packet")
    looser = loosens(kind, packet)
    motion = Motion(
        kind=kind,
        klass=class_of(kind, loosens=looser, new_capability=False),
        title=title[:LONGEST_TITLE],
        rationale=rationale,
        proposer=actor,
        packet=packet,
        packet_digest=digest(packet),
        loosens=looser,
        created_at=now(),
        **fields,
    )
    motion.matter = matter_of(motion, motion.version)
    refuse_unchanged(motion.subject, motion.matter)
    save_numbered(motion)
    record(
        type="motion.proposed",
        object=motion,
        reason=rationale,
        after={"kind": kind, "class": motion.klass, "packet": motion.packet_digest},
    )
    return motion


@permitted("council.propose")
def propose_policy(*, actor: User, version: PolicyVersion, rationale: str) -> Motion:
    """Puts a draft to the council. Raises Invalid with every reason why it is not ready."""
    if found := proof.obstacles(version):
        raise Invalid(found[0], "not_ready", fields={"version": found})
    with transaction.atomic():
        row = adoption.move_version(
            version=version, to=VersionStatus.PROPOSED, reason=rationale or "Proposed"
        )
        return new_motion(
            actor=actor,
            kind=Kind.POLICY,
            title=f"{row.policy.title}, version {row.number}",
            rationale=rationale,
            version=row,
            subject=f"policy:{row.policy.slug}",
            packet=proof.dossier(row),
        )


@permitted("council.propose")
@transaction.atomic
def propose_activation(*, actor: User, agent: Agent, rationale: str) -> Motion:
    """Asks the council to put an agent to work."""
    row = Agent.lock(agent.pk)
    if row.status not in (AgentStatus.DRAFT, AgentStatus.APPROVED):
        raise Conflict(f"{row.name} is {AgentStatus(row.status).label.lower()} already.")
    refuse_second(f"agent:{row.slug}")
    return new_motion(
        actor=actor,
        kind=Kind.ACTIVATION,
        title=f"{row.name} goes to work",
        rationale=rationale,
        agent=row,
        subject=f"agent:{row.slug}",
        packet=capability_packet(row, {}),
    )


@permitted("council.propose")
@transaction.atomic
def propose_grant(
    *,
    actor: User,
    agent: Agent,
    tool: Tool,
    scope: dict[str, Any],
    valid_days: int,
    rationale: str,
    process: str | None = None,
) -> Motion:
    """Asks the council for a permission, or a wider scope of one that the agent holds. `process`
    is the one whose readiness bounds it: "" is none, None is as the permission it replaces."""
    if process and not Process.objects.filter(slug=process).exists():
        raise Invalid(
            f"There is no process called {process} in the inventory.",
            fields={"process": ["Choose one of the inventory."]},
        )
    problem = scope_problem(scope) or unknown_argument(tool, scope)
    if problem:
        raise Invalid(problem, fields={"scope": [problem]})
    if not 1 <= valid_days <= 365:
        raise Invalid("A permission lasts 1 to 365 days.", fields={"days": ["1 to 365."]})
    subject = f"grant:{agent.slug}:{tool.name}"
    refuse_second(subject)
    if process is None:
        former = Grant.objects.filter(agent=agent, tool=tool, revoked_at=None).first()
        process = former.process if former else ""
    wanted = {
        "tool": tool.name,
        "scope": scope,
        "days": valid_days,
        "pin": tool.pin,
        "process": process,
    }
    return new_motion(
        actor=actor,
        kind=Kind.GRANT,
        title=f"{agent.name} may use {tool.name}",
        rationale=rationale,
        agent=agent,
        subject=subject,
        payload=plain(wanted),
        packet=capability_packet(agent, wanted),
    )


@permitted("council.propose")
@transaction.atomic
def propose_checkpoint(
    *, actor: User, checkpoint: Checkpoint, approvers: int, rationale: str
) -> Motion:
    """Asks for another number of people at a checkpoint."""
    if not 1 <= approvers <= 9:
        raise Invalid("A checkpoint asks 1 to 9 people.", fields={"approvers": ["1 to 9."]})
    subject = f"checkpoint:{checkpoint.slug}"
    refuse_second(subject)
    payload = {"checkpoint": checkpoint.slug, "approvers": approvers}
    return new_motion(
        actor=actor,
        kind=Kind.CHECKPOINT,
        title=f"{checkpoint.title}: {approvers} people",
        rationale=rationale,
        subject=subject,
        payload=payload,
        packet=checkpoint_packet(checkpoint, approvers),
    )


@permitted("council.propose")
@transaction.atomic
def propose_draw(*, actor: User, checkpoint: Checkpoint, rate: int, rationale: str) -> Motion:
    """Asks that a checkpoint may be drawn: people see a share of what it stops."""
    if not 1 <= rate <= 100:
        raise Invalid("People see 1 to 100 percent.", fields={"rate": ["1 to 100."]})
    subject = f"checkpoint:{checkpoint.slug}"
    refuse_second(subject)
    return new_motion(
        actor=actor,
        kind=Kind.CHECKPOINT,
        title=f"{checkpoint.title}: drawn, at least {rate} %",
        rationale=rationale,
        subject=subject,
        payload={"checkpoint": checkpoint.slug, "rate": rate},
        packet=draw_packet(checkpoint, rate),
    )


@permitted("council.propose")
@transaction.atomic
def propose_level(*, actor: User, scope: Scope, rationale: str) -> Motion:
    """Asks that people see less of a capability: one level on; or, while it is under full review,
    that the full review ends. Back up it goes without a motion."""
    row = Scope.lock(scope.pk)
    if row.agent.version != row.agent_version:
        raise Conflict(f"{row.agent.label} has taken the place of this version.")
    subject = f"scope:{row.pk}"
    refuse_second(subject)
    if row.held:
        title, payload = f"Full review of {row} ends", {"lift": row.pk}
        packet = scope_packet(row, row.level, held=False)
    else:
        level = row.level + 1
        if problem := step_problem(row.level, level, row.risk, held=False):
            raise Conflict(problem)
        title, payload = f"{row}: L{level}", {"scope": row.pk, "level": level}
        packet = scope_packet(row, level, held=False)
    return new_motion(
        actor=actor,
        kind=Kind.CHECKPOINT,
        title=title,
        rationale=rationale,
        agent=row.agent,
        subject=subject,
        payload=payload,
        packet=packet,
    )


@permitted("council.propose")
@transaction.atomic
def propose_rules(*, actor: User, payload: dict[str, Any], rationale: str) -> Motion:
    """Asks for a change of the council itself: {"values": …}, {"seat": {"user", "function"}} or
    {"end_seat": pk, "cause": bool}."""
    title, packet = rules_packet(payload)
    part = next((name for name in ("seat", "end_seat") if name in payload), "rules")
    subject = f"council:{part}:{packet.get(part, '')}"[:200]
    refuse_second(subject)
    return new_motion(
        actor=actor,
        kind=Kind.RULES,
        title=title,
        rationale=rationale,
        subject=subject,
        payload=plain(payload),
        packet=packet,
    )


@permitted("council.propose")
@transaction.atomic
def propose_weights(*, actor: User, values: dict[str, float], rationale: str) -> Motion:
    """Asks that the dimensions of readiness count otherwise, with what that does to the score of
    every process that was measured. Raises Invalid for what are no weights."""
    if problem := weights_problem(values):
        raise Invalid(problem, fields={"weights": [problem]})
    subject = "readiness:weights"
    refuse_second(subject)
    return new_motion(
        actor=actor,
        kind=Kind.READINESS,
        title="Weights of the readiness score",
        rationale=rationale,
        subject=subject,
        payload={"weights": values},
        packet=weights_packet(values),
    )


def refuse_second(subject: str) -> None:
    """Two motions on one policy may run side by side (the first forces the other to rebase); a
    second one for the same permission, agent or rule is a mistake."""
    found = Motion.objects.filter(subject=subject, status__in=OPEN).first()
    if found is not None:
        raise Conflict(f"{found.reference} asks for the same already.", "asked_already")
