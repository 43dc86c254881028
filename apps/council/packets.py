"""What members read of a motion that is no policy, as plain data that is hashed."""

from __future__ import annotations

import datetime as dt
from dataclasses import asdict
from typing import Any

from django.db.models import Count

from apps.access.models import User
from apps.approvals.levels import percent
from apps.approvals.models import Checkpoint, Scope
from apps.approvals.queries import counts_of, evidence_of_scope
from apps.common.canonical import plain
from apps.common.clock import now
from apps.common.errors import Invalid
from apps.council.models import Charter, Seat
from apps.council.rules import Constitution, constitution_from
from apps.council.states import PERIOD_WORDS, Function, MotionClass
from apps.policies.bench import rules_in_force
from apps.policies.text import binds, concerns
from apps.readiness.mining.weights import NAMES
from apps.readiness.queries.weights import in_force, rescored
from apps.registry.models import Agent, Grant, Tool
from apps.registry.queries import live_grants
from apps.runtime.models import Action

RECORD_DAYS = 90
COUNTED = 20_000


def capability_packet(agent: Agent, wanted: dict[str, Any]) -> dict[str, Any]:
    """What the agent asks for, who answers for it, its record so far, and the rules that will
    bind it."""
    grants = live_grants().filter(agent=agent).select_related("tool").order_by("tool__name")
    names = [grant.tool.name for grant in grants]
    if wanted:
        names.append(str(wanted["tool"]))
    tools = list(Tool.objects.filter(name__in=names).order_by("name"))
    return plain(  # type: ignore[no-any-return]
        {
            "agent": {
                "slug": agent.slug,
                "name": agent.name,
                "version": agent.version,
                "purpose": agent.purpose,
                "owner": str(agent.owner),
                "sponsor": str(agent.sponsor),
                "risk": agent.risk_tier,
                "data_classes": agent.data_classes,
                "status": agent.status,
            },
            "wanted": wanted,
            "held": [held(grant) for grant in grants],
            "tools": [
                {"name": tool.name, "effect": tool.effect, "data_class": tool.data_class}
                for tool in tools
            ],
            "record": record_of(agent),
            "rules": binding_rules(agent, tools),
        }
    )


def held(grant: Grant) -> dict[str, Any]:
    return {"tool": grant.tool.name, "scope": grant.scope, "until": grant.expires_at}


def record_of(agent: Agent) -> dict[str, Any]:
    """Its newest actions of the last 90 days, by verdict and by outcome; bounded."""
    since = now() - dt.timedelta(days=RECORD_DAYS)
    newest = Action.objects.filter(agent=agent, at__gte=since).order_by("-at", "-pk")
    counted = Action.objects.filter(pk__in=newest.values("pk")[:COUNTED])
    verdicts = counted.values("verdict").annotate(number=Count("pk")).order_by("verdict")
    statuses = counted.values("status").annotate(number=Count("pk")).order_by("status")
    return {
        "days": RECORD_DAYS,
        "verdicts": {row["verdict"]: row["number"] for row in verdicts},
        "statuses": {row["status"]: row["number"] for row in statuses},
    }


def binding_rules(agent: Agent, tools: list[Tool]) -> list[dict[str, Any]]:
    """The guardrails that can match the agent on its tools."""
    found = []
    for compiled in rules_in_force():
        named = [
            tool.name
            for tool in tools
            if concerns(compiled.source, tool=tool.name, groups={tool.effect})
            and binds(compiled.source, agent=agent.slug, roles=set(agent.roles))
        ]
        if named and compiled.rule.effect == "forbid":
            found.append(
                {
                    "policy": compiled.rule.policy,
                    "rule": compiled.rule.rule_id,
                    "sentence": compiled.rule.sentence,
                    "tools": named,
                }
            )
    return found


def checkpoint_packet(checkpoint: Checkpoint, approvers: int) -> dict[str, Any]:
    """`changes` is what members read: what, now, then; `fewer` says that people see less."""
    what = f"People at {checkpoint.title} ({checkpoint.queue})"
    return plain(  # type: ignore[no-any-return]
        {
            "checkpoint": checkpoint.slug,
            "changes": [{"what": what, "before": checkpoint.approvers, "after": approvers}],
            "fewer": approvers < checkpoint.approvers,
        }
    )


def draw_packet(checkpoint: Checkpoint, rate: int) -> dict[str, Any]:
    """A checkpoint that may be drawn, down to a share at the lowest."""
    before = "every action, always" if checkpoint.hard else f"at least {checkpoint.rate} %"
    what = f"What people see at {checkpoint.title} ({checkpoint.queue})"
    change = {"what": what, "before": before, "after": f"at least {rate} %, as levels allow"}
    return plain(  # type: ignore[no-any-return]
        {
            "checkpoint": checkpoint.slug,
            "changes": [change],
            "fewer": checkpoint.hard or rate < checkpoint.rate,
        }
    )


def scope_packet(scope: Scope, level: int, *, held: bool) -> dict[str, Any]:
    """One capability's next level, or the end of its full review, with what reviews have shown."""
    now_seen = percent(scope.level, scope.risk, held=scope.held)
    then = percent(level, scope.risk, held=held)
    words = f"What people see of {scope.tool} by {scope.agent.label} at {scope.risk} risk"
    return plain(  # type: ignore[no-any-return]
        {
            "scope": scope.pk,
            "changes": [
                {
                    "what": words,
                    "before": f"{now_seen} % (L{scope.level})",
                    "after": f"{then} % (L{level})",
                }
            ],
            "evidence": counts_of(scope),
            "borne": asdict(found) if (found := evidence_of_scope(scope)) else None,
            "held": scope.held_reason,
            "fewer": then < now_seen,
        }
    )


def weights_packet(values: dict[str, float]) -> dict[str, Any]:
    """Which dimensions would count otherwise, and the score of every measured process by both;
    `looser` says that a process would come to a higher level. Raises Invalid for no change."""
    before = in_force()
    changes = [
        {"what": NAMES[name], "before": f"{before[name]:.3g}", "after": f"{values[name]:.3g}"}
        for name in before
        if before[name] != values[name]
    ]
    if not changes:
        raise Invalid("These are the weights as they stand.", "unchanged")
    scores = rescored(values)
    return plain(  # type: ignore[no-any-return]
        {
            "changes": changes,
            "weights": values,
            "processes": [rounded(asdict(each)) for each in scores],
            "looser": any(each.level_after > each.level_before for each in scores),
        }
    )


def rounded(values: dict[str, Any]) -> dict[str, Any]:
    """Four places: a packet is hashed, and as many as people can tell apart."""
    return {
        name: f"{value:.4f}" if isinstance(value, float) else value
        for name, value in values.items()
    }


def rules_packet(payload: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """(title, packet) of a change of the council itself. Raises Invalid for what cannot be."""
    if "seat" in payload:
        return seat_packet(payload["seat"])
    if "end_seat" in payload:
        return end_packet(payload)
    before = Charter.objects.first()
    after = payload.get("values", {})
    try:
        old = constitution_from(before.values if before else {})
        new = constitution_from(after)
        changes = changed(told(old), told(new))
    except ValueError as error:
        raise Invalid(str(error), fields={"values": [str(error)]}) from error
    name = new.authority
    if name and not User.objects.filter(username=name, is_active=True).exists():
        raise Invalid(f"There is nobody named {name}.", fields={"authority": ["Choose a person."]})
    if not changes:
        raise Invalid("These are the rules as they stand.", "unchanged")
    return "Change of the council's rules", plain({"changes": changes, "after": after})


def told(rules: Constitution) -> dict[str, str]:
    """The council's rules, each in words."""
    periods = {
        f"{MotionClass(klass).label}: {PERIOD_WORDS[name]}, days": f"{days}"
        for klass, given in rules.periods.items()
        for name, days in given.items()
    }
    return {
        **periods,
        "Identical votes of one department": "count as one" if rules.collapse else "count each",
        "Guardians": ", ".join(sorted(Function(name).label for name in rules.guardians)),
        "Who decides where too few may vote": rules.authority or "nobody",
    }


def changed(before: dict[str, str], after: dict[str, str]) -> list[dict[str, str]]:
    return [
        {"what": what, "before": before[what], "after": after[what]}
        for what in before
        if before[what] != after[what]
    ]


def seat_packet(asked: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    user = User.objects.filter(pk=asked.get("user") or 0, is_active=True).first()
    if user is None or asked.get("function") not in Function.values:
        raise Invalid("Name a person and a function.", fields={"user": ["Choose a person."]})
    if Seat.objects.filter(user=user, ends_at=None).exists():
        raise Invalid(f"{user} has a seat already.", fields={"user": ["Has a seat already."]})
    function = Function(asked["function"]).label
    changes = [{"what": f"A seat for {function}", "before": "–", "after": str(user)}]
    packet = {"seat": {"person": str(user), "home": str(user.department)}, "changes": changes}
    return f"A seat for {user} ({function})", plain(packet)


def end_packet(payload: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    seat = Seat.objects.filter(pk=payload["end_seat"], ends_at=None).first()
    if seat is None:
        raise Invalid("There is no such seat.")
    after = "ends for cause" if payload.get("cause") else "ends; they leave"
    changes = [{"what": f"The seat of {seat}", "before": "sits", "after": after}]
    packet = {"end_seat": str(seat), "cause": bool(payload.get("cause")), "changes": changes}
    return f"The seat of {seat.user} ends", plain(packet)
