"""The vigilance programme: known-answer items made, reviewed, mixed in, answered and revealed.

A seed is never carried out: no verb of the gate, of the clocks or of the statistics sees one,
because `ApprovalRequest.objects` leaves them out; the database refuses an execution besides.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Count, Q, QuerySet

from apps.access.models import User
from apps.access.services import permitted
from apps.approvals import notices, planting, queries
from apps.approvals.models import (
    ApprovalRequest,
    Exposure,
    Look,
    Programme,
    RequestCheckpoint,
    SecondLook,
    Seed,
    SeedStatus,
    SeedTemplate,
    Vote,
)
from apps.approvals.services import scopes, training
from apps.approvals.services.requests import url_of
from apps.approvals.states import RequestStatus
from apps.common.acting import acting
from apps.common.canonical import digest
from apps.common.clock import now
from apps.common.errors import Conflict, Invalid, NotPermitted
from apps.common.ids import uuid7
from apps.common.numbering import save_numbered
from apps.ledger.services import record
from apps.registry.models import Tool
from apps.registry.states import AgentStatus

log = logging.getLogger(__name__)
STREAM = "vigilance"
MOST_EXPOSURES = 3
CHOSEN_FROM = 200
OF_EACH_TEMPLATE = 5
QUIET: list[Callable[[], bool]] = []
"""Asked before an item is mixed in; true for quiet. Incidents adds its own while a severity 1 is
open, for nobody plays tricks on people then."""
STATUS = {
    "approve": RequestStatus.APPROVED,
    "reject": RequestStatus.REJECTED,
    "return": RequestStatus.RETURNED,
}


@permitted("vigilance.manage")
@transaction.atomic
def switch_programme(*, actor: User | None, on: bool, reason: str) -> Programme:
    """Announces the programme or ends it. The items are not announced."""
    if not reason.strip():
        raise Invalid("Say why.", fields={"reason": ["Say why."]})
    row = Programme.objects.select_for_update().first() or Programme(changed_at=now())
    if row.pk and row.on == on:
        raise Conflict(f"It is {'on' if on else 'off'} already.")
    row.on, row.reason, row.changed_at = on, reason.strip()[:300], now()
    with acting(reason=reason):
        row.save()
        record(
            type="vigilance.switched", object=row, reason=reason, after={"on": on}, stream=STREAM
        )
    return row


@permitted("vigilance.manage")
@transaction.atomic
def save_template(
    *,
    actor: User | None,
    slug: str,
    tool: str,
    title: str,
    edits: list[dict[str, object]],
    answer: str = "reject",
    defect: str = "",
    clue: str = "",
) -> SeedTemplate:
    """What to plant in past items of one action."""
    if not Tool.objects.filter(name=tool).exists():
        raise Invalid("There is no such tool.", fields={"tool": ["There is no such tool."]})
    if problem := planting.edits_problem(edits):
        raise Invalid(problem, fields={"edits": [problem]})
    if answer == "reject" and not (edits and defect.strip() and clue.strip()):
        raise Invalid(
            "Say what is wrong, and what shows it.",
            fields={"defect": ["A defect needs an edit, a name and a clue."]},
        )
    if answer == "approve" and edits:
        raise Invalid("An item to approve has no defect.", fields={"edits": ["Leave it empty."]})
    row = SeedTemplate.objects.filter(slug=slug).first() or SeedTemplate(slug=slug)
    row.tool, row.title, row.edits, row.answer = tool, title.strip(), edits, answer
    row.defect, row.clue = defect.strip()[:300], clue.strip()[:300]
    row.save()
    record(type="seed.template_saved", object=row, stream=STREAM)
    return row


@permitted("vigilance.manage")
@transaction.atomic
def make_seeds(*, actor: User, template: SeedTemplate) -> list[Seed]:
    """Plants the defect in some past items that people approved and that were carried out; each
    waits for a second person. An item that lacks what the template changes is passed over."""
    past = ApprovalRequest.objects.filter(
        tool=template.tool, status="approved", execution="succeeded"
    ).exclude(pk__in=Seed.objects.filter(template=template).values("source"))
    made: list[Seed] = []
    for source in past.select_related("queue", "agent").order_by("-decided_at")[:CHOSEN_FROM]:
        try:
            planted = planting.plant(source.title, source.summary, source.evidence, template.edits)
        except planting.Unfit:
            continue
        seed = Seed(
            template=template,
            source=source,
            queue=source.queue,
            agent=source.agent,
            tool=source.tool,
            risk=source.risk,
            title=planted.title,
            summary=planted.summary,
            evidence=planted.evidence,
            answer=template.answer,
            defect=template.defect,
            clue=template.clue,
            made_by=actor,
            made_at=now(),
        )
        seed.save(force_insert=True)
        record(type="seed.made", object=seed, object_label=str(seed.pk), stream=STREAM)
        made.append(seed)
        if len(made) == OF_EACH_TEMPLATE:
            break
    if not made:
        raise Conflict(
            "No past item fits: items must have been approved and carried out, and carry what "
            "the template changes."
        )
    return made


@permitted("vigilance.manage")
@transaction.atomic
def review_seed(*, actor: User, seed: Seed, use: bool, note: str = "") -> Seed:
    """The second person: is it realistic, and is the right answer plain to see?"""
    row = Seed.objects.select_for_update(of=("self",)).get(pk=seed.pk)
    if row.made_by_id == actor.pk:
        raise NotPermitted("Somebody other than its maker reviews an item.")
    if not use and not note.strip():
        raise Invalid("Say why it is not used.", fields={"note": ["Say why."]})
    to = SeedStatus.READY if use else SeedStatus.REFUSED
    won = Seed.objects.filter(pk=row.pk, status=SeedStatus.DRAFTED).update(
        status=to, reviewed_by=actor, reviewed_at=now(), note=note.strip()[:300]
    )
    if not won:
        raise Conflict("Somebody has reviewed it already.")
    record(
        type="seed.reviewed",
        object=row,
        object_label=str(row.pk),
        outcome="approved" if use else "rejected",
        reason=note,
        stream=STREAM,
    )
    row.refresh_from_db()
    return row


@permitted("vigilance.manage")
@transaction.atomic
def retire_seed(*, actor: User, seed: Seed, reason: str) -> None:
    if not reason.strip():
        raise Invalid("Say why.", fields={"reason": ["Say why."]})
    won = Seed.objects.filter(pk=seed.pk, status=SeedStatus.READY).update(
        status=SeedStatus.RETIRED, note=reason.strip()[:300]
    )
    if not won:
        raise Conflict("It is not in use.")
    record(type="seed.retired", object=seed, object_label=str(seed.pk), reason=reason,
           stream=STREAM)  # fmt: skip


def after_vote(*, user: User, request: ApprovalRequest) -> None:
    """Called after every real answer. Most draws select nothing and cost nothing; whatever goes
    wrong here takes nothing from the answer that was given."""
    secret, key = settings.SECRET_KEY, str(request.pk)
    if request.is_seed:
        return
    try:
        if planting.selected(secret, settings.COUNCIL["SEED_PERMILLE"], "seed", user.pk, key):
            mix_in(user=user, lot=planting.lot(secret, "which", user.pk, key))
        if request.status in ("approved", "rejected") and planting.selected(
            secret, settings.COUNCIL["SECOND_LOOK_PERMILLE"], "second", key
        ):
            SecondLook.objects.get_or_create(request=request, defaults={"drawn_at": now()})
    except Exception:  # noqa: BLE001 - the answer stands; a trick that fails is no reason to tell
        log.exception("The vigilance programme could not follow an answer.")


def programme_on() -> bool:
    return Programme.objects.filter(on=True).exists() and not any(quiet() for quiet in QUIET)


def mix_in(*, user: User, lot: int) -> Exposure | None:
    """Puts one known-answer item before a person, as any other item comes. None when there is
    none for them, one is before them already, or it is no time for it. Because it follows a real
    answer, and only one is open at a time, two never come in a row."""
    if not programme_on():
        return None
    with transaction.atomic():
        User.objects.select_for_update().get(pk=user.pk)
        if Exposure.objects.filter(user=user, decided_at=None, withdrawn_at=None).exists():
            return None
        fitting = list(seeds_for(user).order_by("pk")[:CHOSEN_FROM])
        if not fitting:
            return None
        return show(fitting[lot % len(fitting)], user)


def seeds_for(user: User) -> QuerySet[Seed]:
    """In use, of the person's own queues and risks, without a conflict, of an agent at work, from
    an item that they have neither seen nor decided, and not shown to them three times."""
    mine = Q(exposures__user=user)
    rows = Seed.objects.filter(
        status=SeedStatus.READY,
        queue_id__in=queries.own_queue_ids(user),
        risk__in=queries.trained_for(user),
        agent__status=AgentStatus.ACTIVE,
    ).exclude(Q(agent__owner=user) | Q(agent__created_by=user) | Q(source__requester=user))
    rows = rows.exclude(Q(made_by=user) | Q(reviewed_by=user))
    rows = rows.exclude(source__in=Look.objects.filter(user=user).values("request"))
    rows = rows.exclude(source__in=Vote.objects.filter(voter=user).values("request"))
    return rows.annotate(times=Count("exposures", filter=mine)).filter(times__lt=MOST_EXPOSURES)


def show(seed: Seed, user: User) -> Exposure:
    moment, source = now(), seed.source
    request = ApprovalRequest(
        queue=seed.queue,
        agent=seed.agent,
        agent_label=seed.agent.label,
        tool=seed.tool,
        action_ref=uuid7(),
        target=source.target,
        intent_digest=digest({"seed": str(seed.pk), "user": user.pk}),
        action_digest=digest({"seed": str(seed.pk), "shown": str(uuid.uuid4())}),
        title=seed.title,
        summary=seed.summary,
        risk=seed.risk,
        approvers_needed=source.approvers_needed,
        rule_key=source.rule_key,
        rule=source.rule,
        evidence=seed.evidence,
        evidence_digest=digest(seed.evidence),
        created_at=moment,
        respond_by=moment + (source.respond_by - source.created_at),
        decide_by=moment + (source.decide_by - source.created_at),
        is_seed=True,
        seed_for=user,
    )
    save_numbered(request)
    RequestCheckpoint.objects.bulk_create(
        RequestCheckpoint(
            request=request, checkpoint_id=part.checkpoint_id, queue_id=part.queue_id,
            needed=part.needed, chain=part.chain,
        )
        for part in source.checkpoints.all()
    )  # fmt: skip
    notices.tell(
        users=[user],
        title=f"{request.reference} {request.title}",
        url=url_of(request),
    )
    return Exposure.objects.create(seed=seed, user=user, request=request, shown_at=moment)


def answer(actor: User, request: ApprovalRequest, choice: str, reason: str) -> ApprovalRequest:
    """The person's answer to a known-answer item, in their own transaction: recorded blind, then
    revealed. It ends here; nobody further on ever hears of it."""
    exposure = Exposure.objects.select_for_update().get(request=request, user=actor)
    moment = now()
    right = (choice == "approve") == (exposure.seed.answer == "approve")
    won = ApprovalRequest.with_seeds.filter(pk=request.pk, status="pending").update(
        status=STATUS[choice], decided_at=moment, holder=None, lease_until=None, reason_code="seed"
    )
    if not won:
        raise Conflict("You have answered already.", "voted")
    Exposure.objects.filter(pk=exposure.pk).update(
        decided_at=moment, choice=choice, reason=reason, right=right
    )
    record(type="seed.answered", object=request, outcome=choice, reason=reason, stream=STREAM)
    record(
        type="seed.revealed",
        object=request,
        outcome="right" if right else "missed",
        after={
            "seed": str(exposure.seed_id),
            "shown_at": exposure.shown_at,
            "answer": exposure.seed.answer,
            "defect": exposure.seed.defect,
            "clue": exposure.seed.clue,
        },
        stream=STREAM,
    )
    notices.drop_decided(url_of(request))
    request.refresh_from_db()
    if not right:
        after_miss(actor, exposure.seed)
    return request


def after_miss(user: User, seed: Seed) -> None:
    """Two misses of five take a risk from a person; a queue that misses too much is looked at by
    everybody again, once enough items tell."""
    if planting.misses_too_often(queries.last_answers(user)):
        training.lower(user=user, reason="Two of the last five known-answer items were missed.")
    found = queries.sensitivity_of(seed.queue)
    if found is not None and found < planting.LOWEST:
        scopes.tighten(
            queue=seed.queue, reason=f"Reviewers of {seed.queue} find too few planted defects."
        )


def withdraw_due() -> int:
    """Takes back items that nobody answered in time, or whose agent stopped: no answer, no
    score."""
    late = Q(request__decide_by__lte=now()) | ~Q(request__agent__status=AgentStatus.ACTIVE)
    rows = Exposure.objects.filter(late, decided_at=None, withdrawn_at=None)
    withdrawn = 0
    for row in rows.select_related("request")[:100]:
        moment = now()
        with transaction.atomic():
            if ApprovalRequest.with_seeds.filter(pk=row.request_id, status="pending").update(
                status=RequestStatus.EXPIRED,
                decided_at=moment,
                holder=None,
                lease_until=None,
                reason_code="timeout",
                outcome_note="Nobody decided in time.",
            ):
                Exposure.objects.filter(pk=row.pk).update(withdrawn_at=moment)
                notices.drop_decided(url_of(row.request))
                record(type="seed.withdrawn", object=row.request, stream=STREAM)
                withdrawn += 1
    return withdrawn


@permitted("approvals.decide")
def take_second_look(*, actor: User, request: ApprovalRequest, choice: str) -> SecondLook:
    """A blind second judgement of what somebody decided. It changes nothing about the item."""
    if choice not in ("approve", "reject"):
        raise Invalid("Choose approve or reject.", fields={"choice": ["Choose one."]})
    found = queries.second_looks_for(actor).filter(request=request).first()
    if found is None:
        raise NotPermitted("This item does not wait for a second look of yours.")
    agrees = (choice == "approve") == (request.status == "approved")
    with transaction.atomic():
        try:
            won = SecondLook.objects.filter(pk=found.pk, looked_at=None).update(
                user=actor, choice=choice, agrees=agrees, looked_at=now()
            )
        except IntegrityError:
            won = 0
        if not won:
            raise Conflict("Somebody else has taken this look.")
        record(
            type="vigilance.second_look",
            object=request,
            outcome="agrees" if agrees else "differs",
            after={"choice": choice},
            stream=STREAM,
        )
    found.refresh_from_db()
    return found
