"""Consent beforehand, freezes, and the list of reasons."""

from __future__ import annotations

import datetime as dt
import json
import re
from typing import Any

from django import forms

from apps.access.models import User
from apps.approvals.models import Checkpoint, Queue
from apps.approvals.states import Choice
from apps.common.clock import now
from apps.common.inputs import MomentInput
from apps.registry.models import Agent, Tool

LIMIT = re.compile(r"^\s*([\w.-]+)\s*(<=|>=|=|in)\s*(.+?)\s*$")


class StandingForm(forms.Form):
    """`limits` is a text, one a line: `amount <= 500`, `currency = "EUR"`, `kind in ["a", "b"]`."""

    checkpoint = forms.ModelChoiceField(queryset=Checkpoint.objects.none())
    agent = forms.ModelChoiceField(queryset=Agent.objects.none())
    tool = forms.ModelChoiceField(queryset=Tool.objects.none(), to_field_name="name")
    rule_key = forms.CharField(
        max_length=120, label="Rule", help_text="The id of the rule that asks."
    )
    limits = forms.CharField(
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text='One a line: amount <= 500, or currency = "EUR".',
    )
    days = forms.IntegerField(min_value=1, max_value=90, initial=30, label="For days")
    most = forms.IntegerField(min_value=1, max_value=1000, initial=20, label="Uses")
    reason = forms.CharField(max_length=300, label="Why")

    def __init__(self, *args: Any, user: User, **more: Any) -> None:
        super().__init__(*args, **more)
        led = Checkpoint.objects.filter(queue__lead=user, hard=False).order_by("title")
        self.fields["checkpoint"].queryset = led  # type: ignore[attr-defined]
        agents = Agent.objects.exclude(status="retired").order_by("name")
        self.fields["agent"].queryset = agents  # type: ignore[attr-defined]
        tools = Tool.objects.exclude(effect="irreversible").order_by("name")
        self.fields["tool"].queryset = tools  # type: ignore[attr-defined]

    def clean_limits(self) -> list[dict[str, Any]]:
        found = []
        for line in self.cleaned_data["limits"].splitlines():
            if not line.strip():
                continue
            parts = LIMIT.match(line)
            try:
                value = json.loads(parts[3]) if parts else None
            except ValueError:
                value = parts[3] if parts else None
            if parts is None:
                raise forms.ValidationError(f"“{line.strip()}” is no limit: amount <= 500.")
            found.append({"name": parts[1], "op": parts[2], "value": value})
        return found

    def ends_at(self) -> dt.datetime:
        return now() + dt.timedelta(days=self.cleaned_data["days"])


class FreezeForm(forms.Form):
    name = forms.CharField(max_length=120, help_text="For example: month-end close.")
    queue = forms.ModelChoiceField(queryset=Queue.objects.none(), label="Who decides meanwhile")
    tools = forms.ModelMultipleChoiceField(
        queryset=Tool.objects.none(),
        to_field_name="name",
        required=False,
        help_text="None chosen: every tool.",
    )
    starts_at = forms.DateTimeField(
        label="From",
        widget=MomentInput(),
        help_text="In your zone.",
    )
    ends_at = forms.DateTimeField(label="Until", widget=MomentInput())
    reason = forms.CharField(max_length=300, label="Why")

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.fields["queue"].queryset = Queue.objects.order_by("name")  # type: ignore[attr-defined]
        self.fields["tools"].queryset = Tool.objects.order_by("name")  # type: ignore[attr-defined]


class ReasonCodeForm(forms.Form):
    choice = forms.ChoiceField(choices=Choice.choices, label="For")
    slug = forms.SlugField(max_length=40, label="Code", help_text="Stays; the words may change.")
    words = forms.CharField(max_length=120)
    instruction = forms.CharField(
        max_length=300, required=False, help_text="What the agent is told with a no."
    )
