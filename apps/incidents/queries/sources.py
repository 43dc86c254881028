"""What the ledger's acts are about, for grouping: tool, code and words from the rows they name."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import replace

from apps.approvals.models import ApprovalRequest
from apps.incidents.models import ImportedRun, RollbackItem
from apps.incidents.rules import Raw
from apps.ledger.models import LedgerEvent
from apps.orchestration.models import Step
from apps.runtime.models import Action


def raws_of(events: Sequence[LedgerEvent]) -> list[Raw]:
    """The signals of these events, in order. What a known-answer item was about is no signal."""
    actions = Action.objects.select_related("agent").in_bulk(ids(events, "runtime.action"))
    steps = Step.objects.select_related("agent").in_bulk(ids(events, "orchestration.step"))
    requests = ApprovalRequest.objects.select_related("agent").in_bulk(
        ids(events, "approvals.approvalrequest")
    )
    ours = taken_back(actions)
    imported = ImportedRun.objects.in_bulk(ids(events, "incidents.importedrun"))
    found = []
    for event in events:
        key = uuid_in(event.object_id)
        raw: Raw | None
        if event.object_type == "runtime.action":
            raw = (
                None if key in ours and event.type in UNDONE else of_action(event, actions.get(key))
            )
        elif event.object_type == "orchestration.step":
            raw = of_step(event, steps.get(key))
        elif event.object_type == "approvals.approvalrequest":
            raw = of_request(event, requests.get(key))
        elif event.object_type == "incidents.importedrun":
            raw = of_imported(event, imported.get(key))
        else:
            raw = of_event(event)
        if raw is not None:
            found.append(raw)
    return found


UNDONE = ("action.undone", "action.undo_refused")


def taken_back(actions: Iterable[uuid.UUID]) -> set[uuid.UUID]:
    """Those that an incident's own rollback takes back: what is done about one is no sign of
    another."""
    rows = RollbackItem.objects.filter(action__in=list(actions))
    return set(rows.values_list("action_id", flat=True))


def ids(events: Sequence[LedgerEvent], label: str) -> list[uuid.UUID]:
    return [uuid_in(event.object_id) for event in events if event.object_type == label]


def uuid_in(text: str) -> uuid.UUID:
    try:
        return uuid.UUID(text)
    except ValueError:
        return uuid.UUID(int=0)


def of_event(event: LedgerEvent, **known: str) -> Raw:
    fields = {"agent": "", "tool": "", "code": "", "message": event.reason, **known}
    return Raw(
        event_id=event.pk,
        source=event.type,
        at=event.at,
        run_id=event.run_id,
        object_type=event.object_type,
        object_id=event.object_id,
        tool=fields["tool"][:120],
        code=fields["code"][:80],
        message=fields["message"],
        agent=fields["agent"],
    )


def of_action(event: LedgerEvent, action: Action | None) -> Raw | None:
    if action is None:
        return of_event(event)
    rules = [str(reason.get("rule_id", "")) for reason in action.reasons]
    code = action.code or (rules[0] if rules and action.verdict == "deny" else "")
    words = action.error or event.reason
    agent = action.agent.slug if action.agent else ""
    return of_event(event, tool=action.tool_name, code=code, message=words, agent=agent)


def of_imported(event: LedgerEvent, run: ImportedRun | None) -> Raw | None:
    """By what it did: its tools in order. What people said of it is no part of the grouping."""
    if run is None:
        return None
    tools = [str(step["tool"]) for step in run.steps if step["tool"]]
    raw = of_event(event, tool=tools[-1] if tools else "", message=" ".join(tools) or "words only")
    return replace(raw, harmful=bool(run.harmful))


def of_step(event: LedgerEvent, step: Step | None) -> Raw:
    if step is None:
        return of_event(event)
    return of_event(
        event, tool=step.tool, code=step.code, message=step.error, agent=step.agent.slug
    )


def of_request(event: LedgerEvent, request: ApprovalRequest | None) -> Raw | None:
    """None for a known-answer item: the manager of requests does not know it."""
    if request is None:
        return None
    return of_event(
        event, tool=request.tool, code=request.reason_code, agent=request.agent.slug,
        message=request.summary,
    )  # fmt: skip
