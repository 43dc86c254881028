from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django import forms
from django.http import QueryDict

from apps.common.vocabulary import WORDS
from apps.policies.builder import EFFECTS, OPERATORS, Attribute, Condition, Sentence
from apps.registry.models import Agent, Tool

MOST_CONDITIONS = 6


class PolicyForm(forms.Form):
    title = forms.CharField(max_length=200)
    slug = forms.SlugField(help_text="Small letters, digits and hyphens; never changes.")
    purpose = forms.CharField(widget=forms.Textarea(attrs={"rows": 2}), required=False)


class BacktestForm(forms.Form):
    days = forms.IntegerField(min_value=1, max_value=3660, initial=90, label="Days back")
    most = forms.IntegerField(
        min_value=1, max_value=5_000_000, initial=50_000, label="At most, newest first"
    )


class CaseForm(forms.Form):
    name = forms.CharField(max_length=200)
    tool = forms.ModelChoiceField(
        queryset=Tool.objects.order_by("name"), to_field_name="name", label="Action"
    )
    agent = forms.SlugField(help_text="The agent's name; any will do if no rule names one.")
    args = forms.JSONField(label="Arguments", initial=dict, required=False)
    facts = forms.JSONField(
        label="Facts", initial=dict, required=False, help_text="What the organisation would know."
    )
    process = forms.SlugField(
        required=False, help_text="Its short name, where a rule looks at the process; or empty."
    )
    level = forms.ChoiceField(
        label="How ready the process is",
        choices=[(code, word) for code, (_tone, word) in WORDS["readiness_level"].items()],
        required=False,
    )
    expected = forms.ChoiceField(
        choices=[("allow", "Allowed"), ("deny", "Denied"), ("review", "A person is asked")]
    )

    def request(self, moment: Any) -> dict[str, Any]:
        """The request in its recorded form, at a moment that the case keeps."""
        slug = self.cleaned_data["agent"]
        agent = Agent.objects.filter(slug=slug).select_related("sponsor").first()
        process = self.cleaned_data["process"]
        return {
            "agent": slug,
            "roles": list(agent.roles) if agent else [],
            "tool": self.cleaned_data["tool"].name,
            "context": {
                "args": self.cleaned_data["args"] or {},
                "facts": self.cleaned_data["facts"] or {},
                "session": {"identified": False, "untrusted_read": False, "actions": 0},
                "agent": {
                    "slug": slug,
                    "version": agent.version if agent else 1,
                    "risk_tier": agent.risk_tier if agent else "medium",
                    "environment": agent.environment if agent else "production",
                    **(
                        {"department": agent.sponsor.slug, "data_classes": agent.data_classes}
                        if agent
                        else {}
                    ),
                },
                **(
                    {"process": {"slug": process, "level": int(self.cleaned_data["level"] or 0)}}
                    if process
                    else {}
                ),
                "approvals": [],
                "now": moment,
            },
        }


@dataclass(frozen=True)
class Row:
    """One line of conditions on the page."""

    index: int
    path: str = ""
    op: str = ""
    value: str = ""


class Slots:
    """The builder's slots: from what was typed, or from a sentence."""

    def __init__(self, attributes: Sequence[Attribute], checkpoints: Sequence[str]) -> None:
        self.attributes = attributes
        self.checkpoints = checkpoints
        self.operators = OPERATORS.items()

    @staticmethod
    def actions() -> list[tuple[str, str]]:
        tools = Tool.objects.order_by("name").values_list("name", "title")
        return [
            ("any", "does anything"),
            *((f"effect:{name}", words) for name, words in EFFECTS.items()),
            *((f"tool:{name}", f"{name}: {title}") for name, title in tools),
        ]

    @staticmethod
    def agents() -> list[tuple[str, str]]:
        agents = Agent.objects.exclude(status="retired").order_by("name")
        roles = sorted({role for each in agents for role in each.roles})
        return [
            ("any", "any agent"),
            *((f"role:{role}", f"an agent in role {role}") for role in roles),
            *((f"agent:{each.slug}", each.name) for each in agents),
        ]

    @staticmethod
    def rows(sentence: Sentence) -> list[Row]:
        rows = [
            Row(index, each.path, each.op, shown(each.value))
            for index, each in enumerate(sentence.conditions)
        ]
        return rows + [Row(index) for index in range(len(rows), max(3, len(rows) + 1))]


def shown(value: Any) -> str:
    if value is None:
        return ""
    return ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)


def sentence_from(data: QueryDict, attributes: Mapping[str, Attribute]) -> Sentence:
    """What was typed, as a sentence; `compiled` says what is missing in it."""
    conditions = []
    for index in range(MOST_CONDITIONS):
        path, op = data.get(f"path-{index}", ""), data.get(f"op-{index}", "")
        if path:
            value = data.get(f"value-{index}", "").strip()
            conditions.append(Condition(path, op, typed(value, op, attributes.get(path))))
    return Sentence(
        rule_id=data.get("rule_id", "").strip(),
        reason=data.get("reason", "").strip(),
        who=data.get("who", "any"),
        does=data.get("does", "any"),
        conditions=tuple(conditions),
        then=data.get("then", "deny"),
        checkpoint=data.get("checkpoint", ""),
        people=number(data.get("people", "1"), 1),
        hours=number(data.get("hours", "0"), 0),
        sampled=bool(data.get("sampled")),
        obligation=data.get("obligation", ""),
    )


def typed(value: str, op: str, attribute: Attribute | None) -> Any:
    if op in ("true", "false", "has", "lacks"):
        return None
    if op == "in":
        return [part.strip() for part in value.split(",") if part.strip()]
    if attribute is not None and attribute.kind == "integer" and value.lstrip("-").isdecimal():
        return int(value)
    return value


def number(text: str, otherwise: int) -> int:
    return int(text) if text.isdecimal() else otherwise
