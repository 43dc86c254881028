from __future__ import annotations

import datetime as dt

from django import forms

from apps.access.models import Department, User
from apps.common.clock import now
from apps.registry.rules import ToolSpec
from apps.registry.states import DataClass, Kind, Risk, ToolEffect


class AgentForm(forms.Form):
    slug = forms.SlugField(help_text="Small letters, digits and hyphens; never changes.")
    name = forms.CharField(max_length=120)
    purpose = forms.CharField(widget=forms.Textarea(attrs={"rows": 3}))
    kind = forms.ChoiceField(choices=Kind.choices)
    owner = forms.ModelChoiceField(queryset=User.objects.filter(is_active=True))
    sponsor = forms.ModelChoiceField(queryset=Department.objects.order_by("name"))
    risk_tier = forms.ChoiceField(choices=Risk.choices, initial=Risk.MEDIUM)


class ReasonForm(forms.Form):
    reason = forms.CharField(widget=forms.Textarea(attrs={"rows": 3}), max_length=2000)


class ToolForm(forms.Form):
    """A tool that an outside agent carries out itself."""

    name = forms.CharField(max_length=120, help_text="Words in lower case, joined by dots.")
    title = forms.CharField(max_length=200)
    description = forms.CharField(widget=forms.Textarea(attrs={"rows": 3}))
    effect = forms.ChoiceField(choices=ToolEffect.choices)
    data_class = forms.ChoiceField(choices=DataClass.choices, initial=DataClass.INTERNAL)
    input_schema = forms.JSONField(help_text="JSON schema of the arguments.")
    output_schema = forms.JSONField(
        required=False, initial=dict, help_text="JSON schema of the answer; {} for anything."
    )
    facts_schema = forms.JSONField(
        required=False,
        initial=dict,
        help_text='What the organisation adds, such as {"type": "object", "properties": '
        '{"known": {"type": "boolean", "in_list": "payees", "argument": "recipient"}}}.',
    )
    resource_keys = forms.CharField(
        required=False,
        help_text="What it touches, such as account:{recipient}; one per line.",
        widget=forms.Textarea(attrs={"rows": 2}),
    )
    idempotent = forms.BooleanField(required=False, label="Asking twice does the same once")

    def spec(self) -> ToolSpec:
        found = self.cleaned_data
        return ToolSpec(
            **{
                **found,
                "output_schema": found["output_schema"] or {},
                "facts_schema": found["facts_schema"] or {},
                "resource_keys": tuple(found["resource_keys"].split()),
                "executor": "agent",
            }
        )


class ListForm(forms.Form):
    slug = forms.SlugField(label="Name", help_text="Small letters, digits and hyphens.")
    title = forms.CharField(max_length=200)
    values = forms.CharField(
        required=False, widget=forms.Textarea(attrs={"rows": 12}), help_text="One per line."
    )
    reason = forms.CharField(max_length=500)


class CredentialForm(forms.Form):
    label = forms.CharField(max_length=120)
    days = forms.IntegerField(min_value=1, max_value=90, initial=30, label="Valid for days")

    def expires_at(self) -> dt.datetime:
        return now() + dt.timedelta(days=self.cleaned_data["days"], seconds=-1)
