from __future__ import annotations

from django import forms

from apps.common.inputs import MomentInput
from apps.incidents.states import Kind, Severity
from apps.orchestration.models import Run
from apps.registry.models import Agent


class ReportForm(forms.Form):
    title = forms.CharField(max_length=200, label="What happened, in a line")
    summary = forms.CharField(
        required=False, max_length=8000, widget=forms.Textarea(attrs={"rows": 5}),
        label="What you saw",
    )  # fmt: skip
    kind = forms.ChoiceField(choices=Kind.choices, initial=Kind.ISSUE, label="What it was")
    severity = forms.TypedChoiceField(
        choices=Severity.choices, initial=Severity.MODERATE, coerce=int, label="How grave"
    )
    agents = forms.ModelMultipleChoiceField(
        queryset=Agent.objects.exclude(status="retired").order_by("name"),
        required=False,
        label="Agents it is about",
        widget=forms.SelectMultiple(attrs={"size": 5}),
    )
    run = forms.CharField(
        required=False, max_length=20, label="Run", help_text="Its number, for example R-1042."
    )
    occurred_at = forms.DateTimeField(
        required=False,
        label="When it happened",
        widget=MomentInput(),
    )

    def clean_run(self) -> list[Run]:
        text = str(self.cleaned_data["run"]).strip().upper().removeprefix("R-")
        if not text:
            return []
        found = Run.objects.filter(number=int(text)).first() if text.isdecimal() else None
        if found is None:
            raise forms.ValidationError("There is no such run.")
        return [found]
