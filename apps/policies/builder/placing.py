"""Where a rule stands among a policy's others."""

from __future__ import annotations

from apps.policies.builder.reading import action_slot
from apps.policies.text import parsed, pieces


def placed(text: str, rule: str, rule_id: str) -> str:
    """The policy's text with the rule in the place of the one with its id, or at the end."""
    parts = [part.text for part in pieces(text)]
    for index, part in enumerate(parts):
        if parsed(part).get("annotations", {}).get("id") == rule_id:
            parts[index] = rule.strip()
            return "\n\n".join(parts) + "\n"
    return "\n\n".join([*parts, rule.strip()]) + "\n"


def rule_named(text: str, rule_id: str) -> tuple[str, str] | None:
    """(text of the rule, its action slot), so that the caller knows which attributes it may look
    at; None where there is no such rule, or its action is no slot."""
    for part in pieces(text):
        source = parsed(part.text)
        if source.get("annotations", {}).get("id") == rule_id:
            try:
                return part.text, action_slot(source["action"])
            except KeyError:
                return None
    return None


def without(text: str, rule_id: str) -> str:
    """The policy's text without a rule."""
    parts = [part.text for part in pieces(text)]
    kept = [part for part in parts if parsed(part).get("annotations", {}).get("id") != rule_id]
    return "\n\n".join(kept) + "\n"
