"""Everything that an agent did in a window: what can be taken back, and what came of it."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from apps.incidents.models import Incident, Rollback
from apps.incidents.states import ItemStatus
from apps.registry.rules import held_keys
from apps.runtime import gate
from apps.runtime.models import Action, Effect
from apps.runtime.states import ActionStatus, EffectStatus

MOST = 500


@dataclass(frozen=True)
class Foreseen:
    """One action, newest first: what it did, and whether it would be taken back now, in words."""

    action: Action
    status: str
    words: str
    what: str = ""


def foreseen(agent_slug: str, since: dt.datetime, until: dt.datetime) -> list[Foreseen]:
    """Item by item what a rollback of the window would do. Whether somebody has changed a record
    since is asked of its system, as it will be once what the window wrote later is taken back;
    where that cannot tell, the undo itself looks again."""
    acts = list(
        Action.objects.filter(
            agent__slug=agent_slug, at__gte=since, at__lte=until,
            status__in=(ActionStatus.DONE, ActionStatus.ALLOWED, ActionStatus.IN_DOUBT),
        )
        .exclude(tool__effect="read")
        .select_related("tool", "agent")
        .order_by("-at", "-pk")[:MOST]
    )  # fmt: skip
    effects = Effect.objects.in_bulk([act.idem_key for act in acts])
    taken_back: dict[str, dict[str, Any]] = {}
    return [judged(act, effects.get(act.idem_key), taken_back) for act in acts]


def judged(
    action: Action, effect: Effect | None, taken_back: dict[str, dict[str, Any]]
) -> Foreseen:
    """`taken_back`: what each record will be by what was judged before (and was written later)."""
    tool = action.tool
    current = gate.foreseen(tool=action.tool_name, arguments=action.arguments)
    what = current.sentence if current else action.purpose
    if action.status == ActionStatus.IN_DOUBT:
        words = "Nobody knows whether it happened; say so first."
        return Foreseen(action, ItemStatus.NEVER, words, what)
    if tool is None or tool.executor == "agent":
        words = "The agent did this with its own hands; it is taken back there."
        return Foreseen(action, ItemStatus.NEVER, words, what)
    if tool.effect == "irreversible" or not tool.compensation:
        return Foreseen(action, ItemStatus.NEVER, "What it did cannot be undone.", what)
    if effect is None or effect.status not in (EffectStatus.DONE, EffectStatus.UNDOING):
        return Foreseen(action, ItemStatus.NEVER, "It left nothing to take back.", what)
    keys = held_keys(tool.spec, action.arguments)
    found = {**current.before} if current else {}
    for key in keys:
        found |= {name: value for name, value in taken_back.get(key, {}).items() if name in found}
    if changed := differing(effect.after or {}, found):
        words = f"Somebody has changed {', '.join(changed)} since."
        return Foreseen(action, ItemStatus.CHANGED, words, what)
    for key in keys:
        taken_back.setdefault(key, {}).update(effect.before or {})
    return Foreseen(action, ItemStatus.WAITING, "", what)


def differing(written: dict[str, Any], found: dict[str, Any]) -> list[str]:
    """The fields that are no longer what the action wrote, as far as both are known."""
    return sorted(
        name for name in written if name in found and str(written[name]) != str(found[name])
    )


def rollbacks_of(incident: Incident) -> list[Rollback]:
    rows = incident.rollbacks.prefetch_related("items__action__tool")
    return list(rows.order_by("-at")[:20])
