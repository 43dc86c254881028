from __future__ import annotations

from typing import Any

from django import forms
from django.db.models import QuerySet

from apps.access.models import User
from apps.approvals.models import Checkpoint
from apps.common import processes
from apps.common.inputs import MomentInput
from apps.council.states import PERIOD_WORDS, Function, MeasureKind, MotionClass
from apps.policies.models import Policy
from apps.policies.states import VersionStatus
from apps.readiness.mining.weights import NAMES, problem
from apps.registry.models import Agent, Tool
from apps.registry.rules import BadScope, scope_from
from apps.registry.states import AgentStatus, ToolStatus


class WhyForm(forms.Form):
    rationale = forms.CharField(
        label="Why",
        widget=forms.Textarea(attrs={"rows": 3}),
        max_length=4000,
        help_text="Members read this first.",
    )


SCOPE_EXAMPLE = "amount at most 100000\ncurrency one of EUR, USD"


class GrantMotionForm(WhyForm):
    tool = forms.ModelChoiceField(queryset=Tool.objects.order_by("name"))
    scope = forms.CharField(
        required=False,
        max_length=4000,
        label="Only when",
        widget=forms.Textarea(attrs={"rows": 4, "placeholder": SCOPE_EXAMPLE}),
        help_text="One condition on a line, for example: amount at most 100000, or: currency one "
        "of EUR, USD. Amounts are mostly in cents. All must hold; empty covers every call.",
    )
    valid_days = forms.IntegerField(min_value=1, max_value=365, initial=90, label="Valid for days")
    process = forms.ChoiceField(
        required=False,
        help_text="Its readiness bounds what the agent may do with this permission.",
    )
    field_order = ("tool", "scope", "process", "valid_days", "rationale")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["process"].choices = [  # type: ignore[attr-defined]
            ("", "As the permission that it replaces, or none"),
            ("-", "None: nothing but the policies bounds it"),
            *processes.choices(),
        ]

    def clean_process(self) -> str | None:
        """None leaves it as it is, "" takes the name away."""
        chosen = str(self.cleaned_data["process"])
        return {"": None, "-": ""}.get(chosen, chosen)

    def clean_scope(self) -> dict[str, Any]:
        tool = self.cleaned_data.get("tool")
        try:
            return scope_from(self.cleaned_data["scope"], tool.input_schema if tool else None)
        except BadScope as error:
            raise forms.ValidationError(str(error)) from error


class CheckpointMotionForm(WhyForm):
    checkpoint = forms.ModelChoiceField(queryset=Checkpoint.objects.order_by("title"))
    approvers = forms.IntegerField(min_value=1, max_value=9, label="People needed")
    field_order = ("checkpoint", "approvers", "rationale")


class DrawMotionForm(WhyForm):
    checkpoint = forms.ModelChoiceField(queryset=Checkpoint.objects.order_by("title"))
    rate = forms.IntegerField(
        min_value=1,
        max_value=100,
        label="At least so many percent",
        help_text="People see the larger of this share and the level's of the agent's capability.",
    )
    field_order = ("checkpoint", "rate", "rationale")


class SeatMotionForm(WhyForm):
    user = forms.ModelChoiceField(
        queryset=User.objects.filter(is_active=True).order_by("display_name"), label="Person"
    )
    function = forms.ChoiceField(choices=Function.choices)
    field_order = ("user", "function", "rationale")


class EndSeatForm(WhyForm):
    cause = forms.ChoiceField(
        label="Does it end for cause?",
        choices=[
            ("no", "No: they leave. Ballots that are open still wait for their vote."),
            ("yes", "For cause: a vote they have not cast yet is not waited for, nor taken."),
        ],
        widget=forms.RadioSelect,
        initial="no",
    )
    field_order = ("cause", "rationale")


class WeightsMotionForm(WhyForm):
    """The weights as they stand, to begin with; together they come to 1."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, words in NAMES.items():
            self.fields[name] = forms.DecimalField(
                min_value=0,
                max_value=1,
                decimal_places=3,
                label=words,
                widget=forms.NumberInput(attrs={"step": "0.001"}),
            )
        self.order_fields([*NAMES, "rationale"])

    def clean(self) -> dict[str, Any]:
        found: dict[str, Any] = super().clean() or {}
        if not self.errors and (sentence := problem(self.values())):
            raise forms.ValidationError(sentence)
        return found

    def values(self) -> dict[str, float]:
        return {name: float(self.cleaned_data[name]) for name in NAMES}


class RulesMotionForm(WhyForm):
    """The council's rules, field by field; as they stand, to begin with."""

    collapse = forms.BooleanField(
        required=False, label="Identical votes of one department count as one"
    )
    guardians = forms.MultipleChoiceField(
        choices=Function.choices,
        widget=forms.CheckboxSelectMultiple,
        label="Guardians: they may veto what loosens, and stop what was adopted",
    )
    authority = forms.ModelChoiceField(
        queryset=User.objects.filter(is_active=True).order_by("display_name"),
        to_field_name="username",
        required=False,
        empty_label="Nobody: such motions stay escalated",
        label="Who decides where too few members may vote",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for klass in MotionClass:
            for name, words in PERIOD_WORDS.items():
                label = f"{klass.label}: {words}, days"
                self.fields[f"{klass}-{name}"] = forms.IntegerField(
                    min_value=0,
                    max_value=90,
                    label=label,
                    widget=forms.NumberInput(attrs={"aria-label": label}),
                )
        self.order_fields([*[name for name in self.fields if "-" in name], *self.LAST])

    LAST = ("guardians", "authority", "collapse", "rationale")

    def values(self) -> dict[str, Any]:
        """As the council's rules are stored."""
        data = self.cleaned_data
        return {
            "periods": {
                klass.value: {name: data[f"{klass}-{name}"] for name in PERIOD_WORDS}
                for klass in MotionClass
            },
            "collapse": data["collapse"],
            "guardians": data["guardians"],
            "authority": data["authority"].username if data["authority"] else "",
        }


class MeasureForm(forms.Form):
    what = forms.ChoiceField(label="What is to stop")
    reason = forms.CharField(
        label="What is the danger?", widget=forms.Textarea(attrs={"rows": 3}), max_length=2000
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        running = Agent.objects.exclude(status=AgentStatus.RETIRED).order_by("name")
        frozen = Policy.objects.filter(versions__status=VersionStatus.IN_FORCE).order_by("title")
        self.fields["what"].choices = [  # type: ignore[attr-defined]
            ("", "Choose one"),
            ("An agent", named(MeasureKind.SUSPEND_AGENT, running, "slug", "name")),
            (
                "An agent goes on, with every question put to people",
                named(MeasureKind.REVIEW_AGENT, running, "slug", "name"),
            ),
            ("A tool, for every agent", named(MeasureKind.DENY_TOOL, tools(), "name", "title")),
            ("A policy's permissions", named(MeasureKind.FREEZE_POLICY, frozen, "slug", "title")),
        ]


def tools() -> QuerySet[Tool]:
    return Tool.objects.filter(status=ToolStatus.ACTIVE).order_by("name")


def named(kind: str, rows: QuerySet[Any], code: str, words: str) -> list[tuple[str, str]]:
    return [(f"{kind}:{key}", label) for key, label in rows.values_list(code, words)[:300]]


class SittingForm(forms.Form):
    title = forms.CharField(max_length=200)
    starts_at = forms.DateTimeField(label="Begins", widget=MomentInput())
    place = forms.CharField(max_length=200, required=False)
