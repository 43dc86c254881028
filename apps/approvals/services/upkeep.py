"""What has to be true of open questions and of checkpoints, looked at again and again."""

from __future__ import annotations

from django.db import transaction
from django.urls import reverse

from apps.access.models import User
from apps.access.queries import holders
from apps.approvals import notices, queries
from apps.approvals.models import ApprovalRequest, Checkpoint, Queue, Vote
from apps.approvals.rules import satisfiable_for_all
from apps.approvals.services.asking import find_people
from apps.approvals.services.requests import Lost, leave, locked, url_of, void_lost_right
from apps.approvals.states import RequestStatus
from apps.common.acting import acting
from apps.common.clock import now
from apps.ledger.services import record
from apps.policies.models import PolicyStamp, PolicyVersion
from apps.registry.models import Agent, RegistryStamp, Tool

AT_ONCE = 500
_seen: dict[str, tuple[int, int]] = {}


def void_lost_rights() -> int:
    """Votes on open requests of people who may not sign in or decide any more stop counting, and
    where that leaves too few, others are asked."""
    able = holders("approvals.decide").union(holders("council.sit")).values_list("pk", flat=True)
    votes = Vote.objects.filter(void=False, request__status="pending").exclude(voter__in=list(able))
    voided = 0
    for vote in votes.select_related("request")[:AT_ONCE]:
        with transaction.atomic(), acting(trigger="approvals sweep"):
            request = locked(vote.request_id)
            void_lost_right(vote)
            find_people(request)
        voided += 1
    return voided


def supersede_changed() -> int:
    """Ends open questions whose agent, tool or policy has another version now. Whoever asked puts
    the question anew, on what holds today. Looks only when something was changed at all."""
    stamps = (stamp_of(PolicyStamp), stamp_of(RegistryStamp))
    if _seen.get("stamps") == stamps:
        return 0
    ended = sum(supersede(request, words) for request, words in outdated())
    _seen["stamps"] = stamps
    return ended


def stamp_of(model: type[PolicyStamp] | type[RegistryStamp]) -> int:
    return model.objects.filter(pk=1).values_list("number", flat=True).first() or 0


def outdated() -> list[tuple[ApprovalRequest, str]]:
    """Open requests that were put under other versions than those in force, with what changed."""
    in_force = dict(
        PolicyVersion.objects.filter(status="in_force").values_list("policy__slug", "number")
    )
    pins = dict(Tool.objects.values_list("name", "pin"))
    shown = ("number", "title", "rule", "tool", "tool_pin", "agent_version", "agent__version")
    rows = ApprovalRequest.objects.filter(status="pending", agent_version__gt=0)
    found = []
    for row in rows.select_related("agent").only(*shown).iterator(chunk_size=500):
        if words := what_moved(row, in_force, pins):
            found.append((row, words))
    return found


def what_moved(request: ApprovalRequest, in_force: dict[str, int], pins: dict[str, str]) -> str:
    if request.agent.version != request.agent_version:
        return f"The agent is version {request.agent.version} now, not {request.agent_version}."
    if request.tool_pin and pins.get(request.tool) != request.tool_pin:
        return f"{request.tool} was changed."
    for slug, version in request.rule.get("policies", {}).items():
        if in_force.get(slug) != version:
            now_in_force = in_force.get(slug)
            words = f"version {now_in_force}" if now_in_force else "no longer in force"
            return f"The policy {slug} is {words} now, not version {version}."
    return ""


def supersede(request: ApprovalRequest, words: str) -> bool:
    """Ends it as superseded and tells those who had it in hand."""
    try:
        with transaction.atomic(), acting(trigger="approvals sweep"):
            row = locked(request.pk)
            seen = set(row.looks.values_list("user_id", flat=True))
            seen |= set(row.votes.values_list("voter_id", flat=True))
            leave(row, RequestStatus.SUPERSEDED, code="changed", note=words)
            notices.tell(
                users=User.objects.filter(pk__in=seen, is_active=True),
                title=f"{row.reference} is asked again: {words}",
                url=url_of(row),
            )
    except Lost:
        return False
    return True


def check_checkpoints(queue: Queue | None = None) -> int:
    """Looks whether every checkpoint (of one queue) can still be passed, for every agent. One that
    cannot is marked and told to its lead once; the mark goes when it can again."""
    found = 0
    rows = Checkpoint.objects.select_related("queue__lead")
    for checkpoint in rows.filter(queue=queue) if queue else rows:
        broken = not can_be_passed(checkpoint.approvers, checkpoint.queue_id)
        found += broken
        if broken == (checkpoint.unsatisfiable_at is not None):
            continue
        with transaction.atomic(), acting(trigger="nightly check"):
            moment = now() if broken else None
            checkpoint.compare_and_set(
                where={"unsatisfiable_at": checkpoint.unsatisfiable_at}, unsatisfiable_at=moment
            )
            act = "checkpoint.unsatisfiable" if broken else "checkpoint.satisfiable"
            record(type=act, object=checkpoint, reason=sentence_of(checkpoint) if broken else "")
            if broken:
                tell_leads(checkpoint)
    return found


def can_be_passed(people: int, queue_id: int) -> bool:
    """With every agent's owner and registrar left out, agent by agent."""
    eligible = queries.eligible_people(queue_id)
    agents = (
        Agent.objects.exclude(status="retired")
        .filter(owner__in=eligible)
        .values_list("owner_id", "created_by_id")
        .union(
            Agent.objects.exclude(status="retired")
            .filter(created_by__in=eligible)
            .values_list("owner_id", "created_by_id")
        )
    )
    return satisfiable_for_all(people, eligible, list(agents))


def sentence_of(checkpoint: Checkpoint) -> str:
    return (
        f"{checkpoint.title} needs {checkpoint.approvers} of {checkpoint.queue}, "
        "and for some agent too few are free to decide."
    )


def tell_leads(checkpoint: Checkpoint) -> None:
    """The queue's lead, or whoever manages queues where there is none."""
    lead = checkpoint.queue.lead
    people = [lead] if lead and lead.is_active else list(holders("queues.manage"))
    notices.tell(
        users=people,
        title=f"Unsatisfiable: {sentence_of(checkpoint)}",
        url=reverse("approvals:queue", args=[checkpoint.queue.slug]),
        urgent=True,
    )
