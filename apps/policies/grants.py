"""Permits generated from grants: what an agent may do at all, before any guardrail."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from typing import Any

from apps.policies.rules import Rule
from apps.policies.schema import moment_text
from apps.policies.text import Compiled, parsed


def permit_for(
    *, grant_id: int, agent: str, tool: str, scope: Mapping[str, Any], expires_at: dt.datetime
) -> Compiled:
    """One permit of one grant, with its scope and its end as conditions."""
    conditions = [f"context.now < datetime({quoted(moment_text(expires_at))})"]
    for name in sorted(scope):
        conditions += scope_conditions(name, scope[name])
    text = (
        f"permit (principal == Agent::{quoted(agent)}, action == Action::{quoted(tool)}, resource)"
        f" when {{ {' && '.join(conditions)} }};"
    )
    rule = Rule(
        key=f"grant-{grant_id}",
        rule_id=f"grant-{grant_id}",
        policy="grants",
        version=grant_id,
        effect="permit",
        sentence=f"{agent} holds a permission for {tool}.",
    )
    return Compiled(rule, parsed(text))


def scope_conditions(name: str, conditions: Mapping[str, Any]) -> list[str]:
    """`has` first: an argument that is not there is not within any limit."""
    place = f"context.args[{quoted(name)}]"
    found = [f"context.args has {quoted(name)}"]
    if "in" in conditions:
        allowed = ", ".join(quoted(value) for value in conditions["in"])
        found.append(f"[{allowed}].contains({place})")
    if "max" in conditions:
        found.append(f"{place} <= {int(conditions['max'])}")
    if "min" in conditions:
        found.append(f"{place} >= {int(conditions['min'])}")
    return found


def quoted(value: Any) -> str:
    """A Cedar literal. JSON's escapes but for the control characters are Cedar's, too."""
    if isinstance(value, int):
        return str(value)
    return json.dumps(str(value), ensure_ascii=False)
