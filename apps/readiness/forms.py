from __future__ import annotations

from typing import Any

from django import forms

from apps.access.models import Department, User
from apps.common.inputs import DayInput, MomentInput
from apps.readiness.models import Process, System
from apps.readiness.states import Access

THREE = "low, likely, high"


class Three(forms.CharField):
    """Three numbers, parted by spaces or commas; empty for none."""

    def clean(self, value: Any) -> list[float]:
        text = str(super().clean(value) or "").replace(",", " ").split()
        if not text:
            return []
        try:
            numbers = [float(each) for each in text]
        except ValueError:
            raise forms.ValidationError("These are not numbers.") from None
        if len(numbers) != 3 or numbers != sorted(numbers) or numbers[0] < 0:
            raise forms.ValidationError("Give three numbers: low, likely and high.")
        return numbers


class Names(forms.CharField):
    """Names parted by commas."""

    def clean(self, value: Any) -> list[str]:
        return [part.strip() for part in str(super().clean(value) or "").split(",") if part.strip()]


class ProcessForm(forms.Form):
    """`limited` for the owner of a process, who does not say what makes it lawful."""

    name = forms.CharField(max_length=120)
    slug = forms.SlugField(
        max_length=50, help_text="How workflows and permissions name it; it stays."
    )
    purpose = forms.CharField(widget=forms.Textarea(attrs={"rows": 2}))
    department = forms.ModelChoiceField(queryset=Department.objects.order_by("name"))
    owner = forms.ModelChoiceField(
        queryset=User.objects.filter(is_active=True).order_by("display_name"), required=False
    )
    lawful_basis = forms.CharField(
        required=False, label="Lawful basis", widget=forms.Textarea(attrs={"rows": 2})
    )
    prohibited = forms.BooleanField(required=False, label="Agents are forbidden here by law")
    volume = Three(required=False, label="Cases a year", help_text=THREE)
    minutes = Three(required=False, label="Minutes of work a case", help_text=THREE)
    procedure_on = forms.DateField(
        required=False, label="Procedure last looked at", widget=DayInput()
    )
    escalation = forms.CharField(
        required=False, label="Whom to ask when in doubt", widget=forms.Textarea(attrs={"rows": 2})
    )
    reviewer_hours = forms.IntegerField(
        min_value=0, max_value=10_000, initial=0, label="Hours a week to review agents"
    )
    depends_on = Names(
        required=False, label="Waits for processes", help_text="Their short names, with commas."
    )
    critical_fields = Names(
        required=False, label="Critical fields of its log", help_text="With commas."
    )

    def __init__(self, *args: Any, process: Process | None, limited: bool, **kwargs: Any) -> None:
        if process is not None:
            kwargs["initial"] = values_of(process)
        super().__init__(*args, **kwargs)
        if process is not None:
            del self.fields["slug"]
        if limited:
            for name in ("name", "department", "owner", "lawful_basis", "prohibited"):
                del self.fields[name]


def values_of(process: Process) -> dict[str, Any]:
    return {
        "name": process.name,
        "purpose": process.purpose,
        "department": process.department_id,
        "owner": process.owner_id,
        "lawful_basis": process.lawful_basis,
        "prohibited": process.prohibited,
        "volume": " ".join(f"{each:g}" for each in process.volume),
        "minutes": " ".join(f"{each:g}" for each in process.minutes),
        "procedure_on": process.procedure_on,
        "escalation": process.escalation,
        "reviewer_hours": process.reviewer_hours,
        "depends_on": ", ".join(process.depends_on),
        "critical_fields": ", ".join(process.critical_fields),
    }


class SystemForm(forms.Form):
    name = forms.CharField(max_length=120, help_text="As event logs name it.")
    access = forms.ChoiceField(choices=Access.choices, label="How software reaches it")
    sanctioned = forms.BooleanField(required=False, label="Sanctioned by the organisation")
    owner = forms.ModelChoiceField(
        queryset=User.objects.filter(is_active=True).order_by("display_name"), required=False
    )
    purpose = forms.CharField(required=False, widget=forms.Textarea(attrs={"rows": 2}))

    def __init__(self, *args: Any, system: System | None, **kwargs: Any) -> None:
        if system is not None:
            kwargs["initial"] = {
                name: getattr(system, name)
                for name in ("name", "access", "sanctioned", "owner", "purpose")
            }
        super().__init__(*args, **kwargs)


class PeriodForm(forms.Form):
    """Which log, and for comparing a part of it."""

    since = forms.DateTimeField(required=False, label="Cases that began from", widget=MomentInput())
    until = forms.DateTimeField(required=False, label="and before", widget=MomentInput())

    def __init__(self, *args: Any, logs: list[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["log"] = forms.ChoiceField(
            required=False,
            label="Event log",
            choices=[*logs, ("", "None: only what is countersigned")],
            initial=logs[0][0] if logs else "",
        )
        self.order_fields(["log"])
