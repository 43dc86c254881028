"""What a changed policy has to stop, and whether it would: judged again, by Cedar, on the facts of
that moment."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from django.db.models import Q, QuerySet

from apps.common import diffing
from apps.incidents.models import Corrective, Incident, Lesson, Signal
from apps.incidents.queries.touched import touched
from apps.incidents.states import ActionType, LinkKind
from apps.policies.bench import Bench, rules_in_force, rules_with, specs
from apps.policies.models import PolicyVersion
from apps.policies.proof import holds_up
from apps.policies.rules import GRANTS, Judgement
from apps.policies.text import pieces
from apps.runtime.models import Action

OFFERED = 50


@dataclass(frozen=True)
class Replayed:
    """One recorded action under what is in force, and under the draft where there is one."""

    lesson: Lesson
    action: Action | None
    words: str
    now: str
    now_rule: str
    stopped: bool
    drafted: str = ""
    drafted_rule: str = ""
    draft_stops: bool = False


@dataclass(frozen=True)
class PolicyAction:
    """A corrective action that changes a policy, with the replay of its lessons."""

    action: Corrective
    draft: PolicyVersion | None = None
    lessons: list[Replayed] = field(default_factory=list)
    before: PolicyVersion | None = None
    after: PolicyVersion | None = None
    clauses: list[diffing.Line] = field(default_factory=list)

    @property
    def green(self) -> bool:
        """Whether what is in force stops all of them."""
        return bool(self.lessons) and all(each.stopped for each in self.lessons)

    @property
    def draft_green(self) -> bool:
        return bool(self.lessons) and all(each.draft_stops for each in self.lessons)


def policy_actions(incident: Incident) -> list[PolicyAction]:
    """The incident's changes of policies; each is judged under what is in force and its draft."""
    actions = Corrective.objects.filter(
        finding__incident=incident, type=ActionType.POLICY
    ).select_related("owner")
    return [replayed(action) for action in actions.order_by("due_on", "pk")]


def replayed(action: Corrective) -> PolicyAction:
    lessons = list(action.lessons.select_related("case").order_by("pk"))
    draft = PolicyVersion.objects.filter(
        policy__slug=action.policy, status__in=("draft", "proposed", "adopted")
    ).select_related("policy").order_by("-number").first()  # fmt: skip
    if not lessons:
        return PolicyAction(action, draft)
    requests = [lesson.case.request for lesson in lessons]
    known = specs()
    now = Bench(rules_in_force(), known).judge_all(requests)
    then: Sequence[Judgement | None] = [None] * len(lessons)
    if draft is not None:
        then = Bench(rules_with(draft), known).judge_all(requests)
    refs = [lesson.action_ref for lesson in lessons]
    acts = Action.objects.select_related("tool").in_bulk(refs)
    words = touched(acts.values())
    before, after = then_and_now(action.policy, acts.values(), draft)
    return PolicyAction(
        action,
        draft,
        [
            line(lesson, acts.get(lesson.action_ref), words.get(lesson.action_ref, ""), one, other)
            for lesson, one, other in zip(lessons, now, then, strict=True)
        ],
        before,
        after,
        clauses(before, after),
    )


def then_and_now(
    policy: str, acts: Iterable[Action], draft: PolicyVersion | None
) -> tuple[PolicyVersion | None, PolicyVersion | None]:
    """The version of the policy that was in force when the first of the actions was judged, and
    the draft or what is in force now."""
    first = min((act.at for act in acts), default=None)
    rows = PolicyVersion.objects.filter(policy__slug=policy).select_related("policy")
    before = rows.filter(activated_at__lte=first).order_by("-activated_at") if first else rows[:0]
    return before.first(), draft or rows.filter(status="in_force").first()


def clauses(before: PolicyVersion | None, after: PolicyVersion | None) -> list[diffing.Line]:
    """The rules that differ, whole, before and after; [] where nothing does."""
    if before is None or after is None or before.pk == after.pk:
        return []
    old = [piece.text for piece in pieces(before.text)]
    new = [piece.text for piece in pieces(after.text)]
    gone = [text for text in old if text not in new]
    come = [text for text in new if text not in old]
    return diffing.lines("\n\n".join(gone), "\n\n".join(come))


def line(
    lesson: Lesson, action: Action | None, words: str, now: Judgement, then: Judgement | None
) -> Replayed:
    return Replayed(
        lesson=lesson,
        action=action,
        words=words,
        now=now.effect,
        now_rule=rule_in(now),
        stopped=holds_up(lesson.case, now.effect),
        drafted=then.effect if then else "",
        drafted_rule=rule_in(then) if then else "",
        draft_stops=then is not None and holds_up(lesson.case, then.effect),
    )


def rule_in(judgement: Judgement) -> str:
    found = [reason.rule_id for reason in judgement.reasons if reason.policy != GRANTS]
    return found[0] if found else ""


def acts_of(incident: Incident) -> QuerySet[Action]:
    """The recorded actions that the incident is about: those of its runs and of its signals."""
    runs = incident.links.filter(kind=LinkKind.RUN).values_list("ref", flat=True)
    told = Signal.objects.filter(group__incident=incident, object_type="runtime.action")
    wanted = Q(run_id__in=list(runs)[:OFFERED])
    wanted |= Q(pk__in=list(told.order_by("-at").values_list("object_id", flat=True)[:OFFERED]))
    return Action.objects.filter(wanted)


def offered(incident: Incident) -> list[tuple[Action, str]]:
    """Those that a lesson can be made of, newest first, with what each was about."""
    rows = acts_of(incident).filter(judged_id__isnull=False).exclude(tool__effect="read")
    found = list(rows.select_related("tool").order_by("-at")[:OFFERED])
    words = touched(found)
    return [(act, words[act.pk]) for act in found]
