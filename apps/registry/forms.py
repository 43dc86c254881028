from __future__ import annotations

import datetime as dt
from typing import Any

from django import forms

from apps.access.models import Department, User
from apps.common.clock import now
from apps.registry.models import Tool
from apps.registry.rules import scope_problem
from apps.registry.states import Kind, Risk


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


class CredentialForm(forms.Form):
    label = forms.CharField(max_length=120)
    days = forms.IntegerField(min_value=1, max_value=90, initial=30, label="Valid for days")

    def expires_at(self) -> dt.datetime:
        return now() + dt.timedelta(days=self.cleaned_data["days"], seconds=-1)


class GrantForm(forms.Form):
    tool = forms.ModelChoiceField(queryset=Tool.objects.order_by("name"))
    scope = forms.JSONField(
        required=False,
        initial=dict,
        help_text='Conditions by argument, such as {"amount": {"max": 1000}}; {} for all.',
    )
    days = forms.IntegerField(min_value=1, max_value=365, initial=90, label="Valid for days")
    reason = forms.CharField(max_length=500)

    def clean_scope(self) -> Any:
        scope = self.cleaned_data["scope"] or {}
        if problem := scope_problem(scope):
            raise forms.ValidationError(problem)
        return scope

    def expires_at(self) -> dt.datetime:
        return now() + dt.timedelta(days=self.cleaned_data["days"])
