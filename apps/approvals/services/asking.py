"""Putting a question: the rule as it stands, the clocks, and the people."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from django.db import IntegrityError, transaction

from apps.approvals import hours, queries
from apps.approvals.ceilings import READINESS
from apps.approvals.models import ApprovalRequest, Checkpoint, Queue, RequestCheckpoint
from apps.approvals.rules import Need, covered
from apps.approvals.services import ties
from apps.approvals.services.calendars import week
from apps.approvals.services.requests import leave, tell_people
from apps.approvals.states import OnTimeout, Origin, RequestStatus
from apps.common.canonical import digest
from apps.common.clock import now
from apps.common.errors import Invalid
from apps.common.numbering import save_numbered
from apps.ledger.services import record
from apps.policies.rules import CheckpointAsk
from apps.registry.models import Agent


@transaction.atomic
def ask(
    *,
    agent: Agent,
    action_ref: uuid.UUID,
    tool: str,
    intent_digest: str,
    action_digest: str,
    title: str,
    summary: str,
    risk: str,
    asks: Sequence[CheckpointAsk],
    evidence: dict[str, Any],
    requester_id: int | None = None,
    supersedes: ApprovalRequest | None = None,
    origin: str = Origin.GATE,
    tool_pin: str = "",
    concerns: Mapping[str, Sequence[str]] | None = None,
    queue: Queue | None = None,
    sampling: dict[str, Any] | None = None,
) -> ApprovalRequest:
    """Puts a question to people. The same action with the same digest joins the open request; a
    changed digest supersedes it. `concerns` names whom the call is about (rules.concerns);
    `queue` takes the place of the checkpoints' own (a freeze). Raises Invalid when a checkpoint
    is unknown."""
    open_request = (
        ApprovalRequest.objects.select_for_update()
        .filter(action_ref=action_ref, intent_digest=intent_digest, status="pending")
        .first()
    )
    if open_request is not None and open_request.action_digest == action_digest:
        return open_request
    if open_request is not None:
        leave(open_request, RequestStatus.SUPERSEDED, code="changed")
        supersedes = open_request
    checkpoints = checkpoints_named(asks)
    first = checkpoints[asks[0].name]
    moment = now()
    within = min(ask.within_seconds or checkpoints[ask.name].decide_within for ask in asks)
    needed = {ask.name: max(ask.approvers, checkpoints[ask.name].approvers) for ask in asks}
    place = queue or first.queue
    times = hours.deadlines(moment, first.respond_within, within, week(place.calendar))
    request = ApprovalRequest(
        queue=place,
        agent=agent,
        agent_label=agent.label,
        agent_version=agent.version,
        tool=tool,
        tool_pin=tool_pin,
        action_ref=action_ref,
        intent_digest=intent_digest,
        target=target_of(evidence),
        action_digest=action_digest,
        title=title,
        summary=summary,
        risk=risk,
        approvers_needed=sum(needed.values()),
        rule_key=asks[0].rule_id[:120],
        rule={
            **rule_snapshot(asks, checkpoints, evidence, within, dict(concerns or {})),
            "sampling": sampling,
        },
        evidence=evidence,
        evidence_digest=digest(evidence),
        requester_id=requester_id,
        created_at=moment,
        respond_by=times.respond_by,
        decide_by=times.decide_by,
        escalate_at=times.escalate_at,
        lead_at=times.lead_at,
        supersedes=supersedes,
        origin=origin,
    )
    parts = [
        RequestCheckpoint(
            checkpoint=checkpoints[name],
            queue=queue or checkpoints[name].queue,
            needed=people,
            chain=chain_of(queue or checkpoints[name].queue),
        )
        for name, people in needed.items()
    ]
    return put(request, parts)


def target_of(evidence: Mapping[str, Any]) -> str:
    """The first record that the action touches, as the tool names it."""
    return str(next(iter(evidence.get("resources") or ()), ""))[:200]


def put(request: ApprovalRequest, parts: Sequence[RequestCheckpoint]) -> ApprovalRequest:
    """Saves a question with its parts, notes whom it concerns too closely, finds other people
    where those leave too few, and tells everybody who may decide."""
    save_numbered(request)
    for part in parts:
        part.request = request
        part.save(force_insert=True)
    ties.refresh(request)
    record(
        type="approval.asked",
        object=request,
        outcome="waiting",
        reason=request.summary,
        after={
            "action_digest": request.action_digest,
            "evidence_digest": request.evidence_digest,
            "origin": request.origin,
        },
    )
    if not find_people(request):
        tell_people(request, request.title)
    return request


def find_people(request: ApprovalRequest) -> bool:
    """Where conflicts leave too few who could decide, the rule's fallback queue is asked as well,
    and after that the council, urgently. Never does anybody decide in spite of a conflict. True
    when others were called in."""
    called: list[str] = []
    for _ in range(2):
        needs = queries.needs_of(request)
        if covered(needs, frozenset().union(*(need.eligible for need in needs))):
            break
        called += call_in(request, {need.checkpoint for need in needs if too_few(need)})
    if not called:
        return False
    sentence = f"Too few could decide without a conflict, so {', '.join(called)} is asked as well."
    record(type="approval.rerouted", object=request, reason=sentence, after={"queues": called})
    tell_people(request, f"Urgent: nobody else may decide. {request.title}", urgent=True)
    return True


def too_few(need: Need) -> bool:
    return len(need.eligible) < need.people


def call_in(request: ApprovalRequest, short: set[str]) -> list[str]:
    """The next resort for every part that is short of people (for all, if none is by itself)."""
    called = []
    for part in request.checkpoints.select_related("checkpoint__fallback"):
        if short and str(part.checkpoint_id) not in short:
            continue
        asked = (part.queue_id, part.second_queue_id, part.third_queue_id)
        fallback = part.checkpoint.fallback
        following = fallback if fallback and fallback.pk not in asked else last_resort()
        if following.pk not in asked and open_level(part, following.pk):
            called.append(following.name)
    return called


def last_resort() -> Queue:
    """The council's own queue, made when it is first needed."""
    found = Queue.objects.filter(council=True).first()
    if found is None:
        found = Queue(
            slug="council",
            name="Council",
            purpose="Questions that nobody else may decide without a conflict.",
            council=True,
        )
        found.save()
        record(type="queue.created", object=found)
    return found  # type: ignore[no-any-return]


def open_level(part: RequestCheckpoint, queue_id: int) -> bool:
    """Lets the people of one more queue decide; a part has room for two more."""
    field = "second_queue" if part.second_queue_id is None else "third_queue"
    room = RequestCheckpoint.objects.filter(pk=part.pk, **{f"{field}__isnull": True})
    return bool(room.update(**{field: queue_id}))


def put_again(
    request: ApprovalRequest, *, origin: str, parts: Sequence[RequestCheckpoint] | None = None
) -> ApprovalRequest:
    """A new question about the same action in the place of one that has ended: the same digest
    and evidence, a clock of its own, and it says which one it supersedes."""
    first = request.checkpoints.select_related("checkpoint", "queue__calendar").order_by("pk")[0]
    if parts is None:
        parts = [
            RequestCheckpoint(
                checkpoint=part.checkpoint, queue=part.queue, needed=part.needed, chain=part.chain
            )
            for part in request.checkpoints.select_related("checkpoint", "queue")
        ]
    moment = now()
    place = parts[0].queue
    times = hours.deadlines(
        moment, first.checkpoint.respond_within, within_of(request), week(place.calendar)
    )
    copied = (
        "agent", "agent_label", "agent_version", "tool", "tool_pin", "action_ref",
        "intent_digest", "action_digest", "target", "title", "summary", "risk", "approvers_needed",
        "rule_key", "rule", "evidence", "evidence_digest", "requester",
    )  # fmt: skip
    again = ApprovalRequest(
        **{name: getattr(request, name) for name in copied},
        queue=place,
        created_at=moment,
        respond_by=times.respond_by,
        decide_by=times.decide_by,
        escalate_at=times.escalate_at,
        lead_at=times.lead_at,
        supersedes=request,
        origin=origin,
    )
    return put(again, parts)


def within_of(request: ApprovalRequest) -> int:
    """How many seconds of the queue's time people had; requests of old versions say it by their
    own moments."""
    known = request.rule.get("within")
    return int(known or (request.decide_by - request.created_at).total_seconds())


LEVELS = 2


def chain_of(queue: Queue) -> list[int]:
    """Whom a question escalates to, level by level, as it stands now."""
    found: list[int] = []
    following = queue.escalates_to
    while following is not None and len(found) < LEVELS:
        if following.pk in (queue.pk, *found):
            break
        found.append(following.pk)
        following = following.escalates_to
    return found


def checkpoints_named(asks: Sequence[CheckpointAsk]) -> dict[str, Checkpoint]:
    names = {ask.name for ask in asks}
    rows = Checkpoint.objects.filter(slug__in=names).select_related(
        "queue__calendar", "queue__escalates_to__escalates_to"
    )
    found = {row.slug: row for row in rows}
    if READINESS in names - set(found):
        found[READINESS] = readiness_checkpoint()
    if not asks or names - set(found):
        raise Invalid("The policy asks for a checkpoint that does not exist.", "no_checkpoint")
    return found


def readiness_checkpoint() -> Checkpoint:
    """Where people are asked because a process is not ready, made when it is first needed: the
    council is asked, until somebody sets up a checkpoint of this name for other people."""
    made = Checkpoint(slug=READINESS, title="Process not ready", queue=last_resort())
    try:
        with transaction.atomic():
            made.save()
    except IntegrityError:
        found: Checkpoint = Checkpoint.objects.select_related("queue").get(slug=READINESS)
        return found
    record(type="checkpoint.created", object=made)
    return made


def rule_snapshot(
    asks: Sequence[CheckpointAsk],
    checkpoints: Mapping[str, Checkpoint],
    evidence: Mapping[str, Any],
    within: int,
    concerns: Mapping[str, Sequence[str]],
) -> dict[str, Any]:
    """The rule as it stood: later edits do not change a question that is being answered. Of
    several checkpoints the strictest says what the end of the time does."""
    rules = {ask.rule_id for ask in asks}
    order = OnTimeout.values
    return {
        "within": within,
        "on_timeout": max((checkpoints[ask.name].on_timeout for ask in asks), key=order.index),
        "policies": {
            why["policy"]: why["version"]
            for why in evidence.get("why", ())
            if why.get("rule_id") in rules and why.get("policy")
        },
        "concerns": {kind: sorted(set(names)) for kind, names in concerns.items()},
        "leads": sorted(
            {row.queue.lead_id for row in checkpoints.values() if row.queue.lead_id is not None}
        ),
        "checkpoints": [
            {
                "name": ask.name,
                "title": checkpoints[ask.name].title,
                "queue": checkpoints[ask.name].queue.slug,
                "approvers": max(ask.approvers, checkpoints[ask.name].approvers),
                "rule_id": ask.rule_id,
                "sentence": ask.sentence,
                "execute_within": checkpoints[ask.name].execute_within,
            }
            for ask in asks
        ],
    }
