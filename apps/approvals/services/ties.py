"""Whom a question concerns too closely: computed afresh when it is put and at every vote."""

from __future__ import annotations

from collections.abc import Sequence

from django.conf import settings
from django.db.models import Q

from apps.access.models import User
from apps.approvals.models import ApprovalRequest, Edit, Tie
from apps.approvals.rules import NEEDS_WORDS
from apps.policies.models import PolicyVersion
from apps.registry.models import Agent


def refresh(request: ApprovalRequest) -> None:
    """Writes what is true now: the last editors of the agent's set-up, the people that the call is
    about, the authors of a policy that it changes, and at high risk the author of the edit."""
    concerns = request.rule.get("concerns", {})
    found = {(pk, "editor") for pk in last_editors(request.agent)}
    found |= {(pk, "person") for pk in people_named(concerns.get("person", ()))}
    found |= {(pk, "policy") for pk in authors_of(concerns.get("policy", ()))}
    found |= {(pk, "edit") for pk in author_of_edit(request)}
    known = {(row.user_id, row.kind): row.pk for row in Tie.objects.filter(request=request)}
    if gone := [pk for tie, pk in known.items() if tie not in found]:
        Tie.objects.filter(pk__in=gone).delete()
    if new := sorted(found - known.keys()):
        Tie.objects.bulk_create([Tie(request=request, user_id=pk, kind=kind) for pk, kind in new])


def last_editors(agent: Agent) -> set[int]:
    """The last few people who changed the agent (a setting says how many). Whoever registered it
    is known as that."""
    number = settings.COUNCIL["CONFLICT_EDITORS"]
    rows = agent.history.filter(actor_kind="person", history_type="~")  # type: ignore[attr-defined]
    editors: list[int] = []
    for actor in rows.order_by("-history_date", "-history_id").values_list("actor_id", flat=True)[
        : number * 10
    ]:
        if actor.isdecimal() and int(actor) not in editors:
            editors.append(int(actor))
    return existing(editors[:number])


def existing(people: Sequence[int]) -> set[int]:
    return set(User.objects.filter(pk__in=people).values_list("pk", flat=True)) if people else set()


def people_named(names: Sequence[str]) -> set[int]:
    if not names:
        return set()
    wanted = Q()
    for name in names:
        wanted |= Q(username__iexact=name) | Q(email__iexact=name)
    return set(User.objects.filter(wanted).values_list("pk", flat=True))


def authors_of(slugs: Sequence[str]) -> set[int]:
    if not slugs:
        return set()
    versions = PolicyVersion.objects.filter(policy__slug__in=slugs, author__isnull=False)
    return set(versions.values_list("author_id", flat=True))


def author_of_edit(request: ApprovalRequest) -> set[int]:
    if request.origin != "human_edit" or request.risk not in NEEDS_WORDS:
        return set()
    edits = Edit.objects.filter(request=request.supersedes_id)
    return set(edits.values_list("editor_id", flat=True))
