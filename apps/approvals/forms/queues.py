"""Setting up queues, checkpoints and business hours."""

from __future__ import annotations

import re
from typing import Any
from zoneinfo import available_timezones

from django import forms

from apps.access.models import User
from apps.access.queries import holders
from apps.approvals.hours import WEEKDAYS
from apps.approvals.models import Calendar, Queue
from apps.approvals.states import OnTimeout

MINUTE = 60


class ReasonedForm(forms.Form):
    reason = forms.CharField(max_length=300, label="Why")

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.order_fields([name for name in self.fields if name != "reason"])


class QueueForm(ReasonedForm):
    name = forms.CharField(max_length=120)
    purpose = forms.CharField(required=False, widget=forms.Textarea(attrs={"rows": 2}))
    escalates_to = forms.ModelChoiceField(
        queryset=Queue.objects.none(),
        required=False,
        empty_label="nobody",
        help_text="Whose people may decide as well once half of the time is over.",
    )
    lead = forms.ModelChoiceField(
        queryset=User.objects.none(),
        required=False,
        empty_label="nobody",
        help_text="Told when four fifths of the time are over; consents beforehand.",
    )
    calendar = forms.ModelChoiceField(
        queryset=Calendar.objects.none(),
        required=False,
        empty_label="Day and night",
        help_text="When the clocks of new questions run.",
    )

    def __init__(self, *args: Any, queue: Queue | None = None, **more: Any) -> None:
        super().__init__(*args, **more)
        others = Queue.objects.filter(council=False).order_by("name")
        if queue is not None:
            others = others.exclude(pk=queue.pk)
        self.fields["escalates_to"].queryset = others  # type: ignore[attr-defined]
        people = holders("approvals.decide").order_by("display_name")
        self.fields["lead"].queryset = people  # type: ignore[attr-defined]
        self.fields["calendar"].queryset = Calendar.objects.order_by("name")  # type: ignore[attr-defined]


class EntrustForm(ReasonedForm):
    user = forms.ModelChoiceField(queryset=User.objects.none(), label="Person")

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        people = holders("approvals.decide").order_by("display_name")
        self.fields["user"].queryset = people  # type: ignore[attr-defined]


class TimingForm(ReasonedForm):
    respond_minutes = forms.IntegerField(
        min_value=1, max_value=43_200, label="First look within minutes"
    )
    decide_minutes = forms.IntegerField(
        min_value=1, max_value=43_200, label="Decision within minutes"
    )
    on_timeout = forms.ChoiceField(choices=OnTimeout.choices, label="When the time is over")
    fallback = forms.ModelChoiceField(
        queryset=Queue.objects.none(),
        required=False,
        empty_label="the council",
        help_text="Who is asked where everybody of the queue has a conflict.",
    )

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        others = Queue.objects.filter(council=False).order_by("name")
        self.fields["fallback"].queryset = others  # type: ignore[attr-defined]

    def values(self) -> dict[str, Any]:
        data = self.cleaned_data
        return {
            "respond_within": data["respond_minutes"] * MINUTE,
            "decide_within": data["decide_minutes"] * MINUTE,
            "on_timeout": data["on_timeout"],
            "fallback": data["fallback"],
        }


class CheckpointForm(TimingForm):
    slug = forms.SlugField(label="Name in policies", help_text="What @checkpoint names.")
    title = forms.CharField(max_length=200)
    approvers = forms.IntegerField(min_value=1, max_value=20, initial=1, label="People needed")

    field_order = ["slug", "title", "approvers"]


class NoteForm(forms.Form):
    text = forms.CharField(
        label="What the next shift should know",
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 3}),
    )


class CalendarForm(ReasonedForm):
    name = forms.CharField(max_length=120)
    zone = forms.ChoiceField(choices=[], label="Zone")
    days_off = forms.CharField(
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
        label="Days off",
        help_text="One date a line, as 2026-12-25.",
    )

    def __init__(self, *args: Any, hours: dict[str, Any] | None = None, **more: Any) -> None:
        super().__init__(*args, **more)
        self.fields["zone"].choices = [(z, z) for z in sorted(available_timezones())]  # type: ignore[attr-defined]
        known = hours if hours is not None else {str(day): ["09:00", "17:00"] for day in range(5)}
        for day, name in enumerate(WEEKDAYS):
            self.fields[f"day{day}"] = forms.CharField(
                label=name,
                required=False,
                initial="–".join(known.get(str(day), [])),
                help_text="09:00–17:00; empty is closed." if day == 0 else "",
            )
        self.order_fields(
            ["name", "zone", *(f"day{day}" for day in range(7)), "days_off", "reason"]
        )

    def hours(self) -> dict[str, list[str]]:
        found = {}
        for day in range(len(WEEKDAYS)):
            if text := self.cleaned_data.get(f"day{day}", "").strip():
                found[str(day)] = re.split(r"\s*[–-]\s*", text)
        return found

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        for day in range(len(WEEKDAYS)):
            text = data.get(f"day{day}", "").strip()
            if text and not re.fullmatch(r"\d\d:\d\d\s*[–-]\s*\d\d:\d\d", text):
                self.add_error(f"day{day}", "Write it as 09:00–17:00.")
        return data

    def days(self) -> list[str]:
        return self.cleaned_data["days_off"].split()  # type: ignore[no-any-return]
