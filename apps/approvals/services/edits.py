"""Approving something else than was asked, and asking again after the time ran out."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from django.db import IntegrityError, transaction

from apps.access.models import User
from apps.approvals import notices, queries
from apps.approvals.models import ApprovalRequest, Edit, Reopening
from apps.approvals.rules import NEEDS_WORDS
from apps.approvals.services import ties
from apps.approvals.services.answers import answered_seed, cast_vote, check_claim
from apps.approvals.services.requests import (
    Lost,
    leave,
    locked,
    refuse_unless_as_seen,
    refuse_unless_eligible,
    url_of,
)
from apps.approvals.states import RequestStatus
from apps.common.clock import now
from apps.common.errors import Conflict, Invalid, NotPermitted
from apps.ledger.services import record
from apps.registry import schemas
from apps.registry.models import Tool


def edit(
    *,
    actor: User,
    request_id: uuid.UUID,
    tool: str,
    arguments: Mapping[str, Any],
    reason: str,
    digest: str,
    fence: int | None = None,
) -> Edit | None:
    """Puts another call in the place of the one that was asked about. The request ends as
    superseded; the gate judges the edited call as a new action of its own tool, and asks again
    where a policy wants a person. Below high risk the editor's consent counts there.

    A known-answer item is answered by it, with a no; then there is no edit (None). Raises Invalid
    for arguments that the tool does not take or that change nothing, NotPermitted
    and Lost as a vote does."""
    if not reason.strip():
        raise Invalid("Say why you change it.", fields={"reason": ["Say why."]})
    if answered_seed(actor, request_id, reason.strip()):
        return None
    try:
        return edit_now(actor, request_id, tool, dict(arguments), reason.strip(), digest, fence)
    except NotPermitted as refusal:
        request = ApprovalRequest.objects.filter(pk=request_id).first()
        record(type="approval.refused", object=request, outcome="denied", reason=refusal.sentence)
        raise


@transaction.atomic
def edit_now(
    actor: User,
    request_id: uuid.UUID,
    tool: str,
    arguments: dict[str, Any],
    reason: str,
    seen: str,
    fence: int | None,
) -> Edit:
    request = locked(request_id)
    ties.refresh(request)
    refuse_unless_eligible(actor, request)
    moment = now()
    if request.decide_by <= moment:
        raise Lost("The time to decide has run out.", request, "too_late")
    refuse_unless_as_seen(request, seen)
    check_claim(actor, request, fence, moment)
    before = request.evidence.get("arguments", {})
    if tool == request.tool and arguments == before:
        raise Invalid("Nothing is changed; approve it as it is.", "unchanged")
    check_arguments(tool, arguments)
    made = Edit.objects.create(
        request=request,
        editor=actor,
        editor_label=str(actor),
        tool=tool,
        before=before,
        arguments=arguments,
        reason=reason,
        made_at=moment,
    )
    record(
        type="approval.edited",
        object=request,
        reason=reason,
        before={"tool": request.tool, "arguments": before},
        after={"tool": tool, "arguments": arguments},
    )
    leave(request, RequestStatus.SUPERSEDED, code="edited", note=f"{actor} edited it: {reason}")
    return made


def check_arguments(name: str, arguments: Mapping[str, Any]) -> None:
    tool = Tool.objects.filter(name=name).first()
    if tool is None:
        raise Invalid("There is no such tool.", fields={"tool": ["There is no such tool."]})
    if problem := schemas.first_error(schemas.closed(tool.input_schema), dict(arguments)):
        place, _, words = problem.partition(": ")
        raise Invalid(f"{name} does not take this: {problem}.", fields={place: [words]})


@transaction.atomic
def take_up(*, edit: Edit, action_ref: uuid.UUID, refused: str = "") -> None:
    """The gate has judged the edited call, once; its author is told if it was refused."""
    taken = Edit.objects.filter(pk=edit.pk, taken_at=None).update(
        taken_at=now(), taken_ref=action_ref
    )
    if not taken:
        raise Conflict("This edit was taken up already.")
    if refused:
        notices.tell(
            users=User.objects.filter(pk=edit.editor_id, is_active=True),
            title=f"Your edit of {edit.request.reference} was refused: {refused}",
            url=url_of(edit.request),
            urgent=True,
        )


def consent_of_editor(*, edit: Edit, request: ApprovalRequest) -> ApprovalRequest:
    """Counts the editor's own consent to the call as they wrote it, below high risk and where they
    may decide on it at all."""
    editor = User.objects.get(pk=edit.editor_id)
    if request.risk in NEEDS_WORDS or queries.why_not(editor, request):
        return request
    return cast_vote(editor, request.pk, "approve", edit.reason, request.action_digest, None)


def reopen(*, actor: User, request_id: uuid.UUID, reason: str) -> Reopening:
    """Asks that a request whose time ran out be put anew. The gate judges the wish as things stand
    now; who may decide on the new request is computed then."""
    if not reason.strip():
        raise Invalid("Say why it is asked again.", fields={"reason": ["Say why."]})
    with transaction.atomic():
        request = locked(request_id)
        if request.status != RequestStatus.EXPIRED:
            raise Conflict("Only a request whose time ran out is opened again.")
        if request.superseded_by.exists():
            raise Conflict("It was put to the next level already.")
        asked = queries.queues_asked(request)
        if not asked & queries.queue_ids(actor):
            raise NotPermitted("You may not decide in this queue.")
        try:
            with transaction.atomic():
                made = Reopening.objects.create(
                    request=request, by=actor, reason=reason.strip(), made_at=now()
                )
        except IntegrityError:
            raise Conflict("Somebody has asked for it already.") from None
        record(type="approval.reopened", object=request, reason=reason.strip())
    return made


def reopened(*, reopening: Reopening, sentence: str = "") -> bool:
    """The gate took it up; `sentence` says why no new request came of it."""
    rows = Reopening.objects.filter(pk=reopening.pk, taken_at=None)
    return bool(rows.update(taken_at=now(), sentence=sentence[:300]))
