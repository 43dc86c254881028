from __future__ import annotations

from typing import Any

from django import forms

from apps.access.models import User
from apps.approvals.models import Checkpoint
from apps.council.states import Function, MeasureKind
from apps.policies.models import Policy
from apps.registry.models import Agent, Tool
from apps.registry.rules import scope_problem


class WhyForm(forms.Form):
    rationale = forms.CharField(
        label="Why",
        widget=forms.Textarea(attrs={"rows": 3}),
        max_length=4000,
        help_text="Members read this first.",
    )


class GrantMotionForm(WhyForm):
    tool = forms.ModelChoiceField(queryset=Tool.objects.order_by("name"))
    scope = forms.JSONField(
        required=False,
        initial=dict,
        help_text='Conditions by argument, such as {"amount": {"max": 1000}}; {} for all.',
    )
    valid_days = forms.IntegerField(min_value=1, max_value=365, initial=90, label="Valid for days")
    field_order = ("tool", "scope", "valid_days", "rationale")

    def clean_scope(self) -> Any:
        scope = self.cleaned_data["scope"] or {}
        if problem := scope_problem(scope):
            raise forms.ValidationError(problem)
        return scope


class CheckpointMotionForm(WhyForm):
    checkpoint = forms.ModelChoiceField(queryset=Checkpoint.objects.order_by("title"))
    approvers = forms.IntegerField(min_value=1, max_value=9, label="People needed")
    field_order = ("checkpoint", "approvers", "rationale")


class SeatMotionForm(WhyForm):
    user = forms.ModelChoiceField(
        queryset=User.objects.filter(is_active=True).order_by("display_name"), label="Person"
    )
    function = forms.ChoiceField(choices=Function.choices)
    field_order = ("user", "function", "rationale")


class RulesMotionForm(WhyForm):
    values = forms.JSONField(
        label="Rules",
        help_text="Periods in days by class, collapse, guardians; what is left out is as before.",
    )
    field_order = ("values", "rationale")


class MeasureForm(forms.Form):
    kind = forms.ChoiceField(choices=MeasureKind.choices, label="What")
    target = forms.CharField(
        max_length=120, help_text="The agent's, tool's or policy's name, as its page shows it."
    )
    reason = forms.CharField(
        label="What is the danger?", widget=forms.Textarea(attrs={"rows": 3}), max_length=2000
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        names = [
            *Agent.objects.order_by("slug").values_list("slug", flat=True)[:200],
            *Tool.objects.order_by("name").values_list("name", flat=True)[:200],
            *Policy.objects.order_by("slug").values_list("slug", flat=True)[:200],
        ]
        self.names = sorted(set(names))
        self.fields["target"].widget.attrs["list"] = "targets"


class SittingForm(forms.Form):
    title = forms.CharField(max_length=200)
    starts_at = forms.DateTimeField(
        label="Begins", widget=forms.DateTimeInput(attrs={"type": "datetime-local"})
    )
    place = forms.CharField(max_length=200, required=False)
