from __future__ import annotations

import zoneinfo
from typing import Any

from django import forms

from apps.access.matrix import ROLES
from apps.access.models import User
from apps.common.inputs import DayInput


class PreferencesForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = User
        fields = ("theme", "density", "time_zone", "shortcuts", "open_next", "mail", "digest_hours")
        labels = {
            "shortcuts": "Single-key shortcuts",
            "open_next": "Open the next item after a decision",
            "mail": "E-mail me about what waits for me, bundled",
            "digest_hours": "Gather e-mails until these hours",
        }
        help_texts = {
            "digest_hours": "Hours of your own clock, such as 8, 13. Empty: after two minutes. "
            "Escalations and claims about to lapse are mailed at once in any case.",
        }

    def clean_digest_hours(self) -> str:
        parts = self.cleaned_data["digest_hours"].replace(",", " ").split()
        if any(not part.isdecimal() or int(part) > 23 for part in parts):
            raise forms.ValidationError("Give hours from 0 to 23, such as 8, 13.")
        return ", ".join(sorted(set(parts), key=int))

    def clean_time_zone(self) -> Any:
        name = self.cleaned_data["time_zone"]
        if name not in zoneinfo.available_timezones():
            raise forms.ValidationError("This is not a time zone, such as Europe/Lisbon.")
        return name


class ManagerForm(forms.Form):
    user = forms.ModelChoiceField(
        queryset=User.objects.filter(is_active=True).order_by("display_name"), label="Person"
    )
    manager = forms.ModelChoiceField(
        queryset=User.objects.filter(is_active=True).order_by("display_name"),
        required=False,
        label="Managed by",
        empty_label="Nobody",
        help_text="Whoever manages an agent's owner does not vote on that agent in the council.",
    )
    reason = forms.CharField(max_length=500)


class RoleForm(forms.Form):
    user = forms.ModelChoiceField(queryset=User.objects.filter(is_active=True))
    role = forms.ChoiceField(choices=list(ROLES.items()))
    reason = forms.CharField(max_length=500)
    agents = forms.CharField(
        required=False,
        max_length=500,
        label="Limited to agents",
        help_text="For auditors: slugs with commas between; empty for all.",
    )
    since = forms.DateField(
        required=False,
        label="Limited to events from",
        widget=DayInput(),
    )
    until = forms.DateField(required=False, label="and to", widget=DayInput())

    def scope(self) -> dict[str, Any]:
        """What an auditor's role is limited to."""
        data = self.cleaned_data
        return {
            "agents": [slug.strip() for slug in data["agents"].split(",") if slug.strip()],
            "since": data["since"].isoformat() if data["since"] else "",
            "until": data["until"].isoformat() if data["until"] else "",
        }
