from __future__ import annotations

import datetime as dt
from typing import Any

from django import forms

from apps.audit.packs.controls import CONTROLS
from apps.common.inputs import DayInput


class PackForm(forms.Form):
    """A control, a period in whole days of UTC, and the sample."""

    control = forms.ChoiceField(
        choices=[(code, f"{code} {control.title}") for code, control in CONTROLS.items()],
        initial="GC-02",
    )
    since = forms.DateField(label="From (UTC)", widget=DayInput())
    until = forms.DateField(label="To and with (UTC)", widget=DayInput())
    sample_size = forms.IntegerField(
        label="Rows in the sample", min_value=0, max_value=1_000, initial=25
    )
    seed = forms.CharField(
        label="Seed",
        required=False,
        max_length=40,
        help_text="Leave it empty to have one drawn. The same seed draws the same sample.",
    )

    def clean(self) -> dict[str, Any]:
        found = super().clean() or {}
        since, until = found.get("since"), found.get("until")
        if since and until and until < since:
            self.add_error("until", "The period ends before it begins.")
        return found

    def period(self) -> tuple[dt.datetime, dt.datetime]:
        first, last = self.cleaned_data["since"], self.cleaned_data["until"]
        start = dt.datetime.combine(first, dt.time(), tzinfo=dt.UTC)
        return start, dt.datetime.combine(last, dt.time(), tzinfo=dt.UTC) + dt.timedelta(days=1)


class HoldForm(forms.Form):
    name = forms.CharField(label="Name of the hold", max_length=120)
    basis = forms.CharField(
        label="Basis",
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="The case or the request that obliges us to keep everything.",
    )
