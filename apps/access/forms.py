from __future__ import annotations

import zoneinfo
from typing import Any

from django import forms

from apps.access.matrix import ROLES
from apps.access.models import User


class PreferencesForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = User
        fields = ("theme", "density", "time_zone", "shortcuts", "open_next", "mail")
        labels = {
            "shortcuts": "Single-key shortcuts",
            "open_next": "Open the next item after a decision",
            "mail": "E-mail me about what waits for me, bundled",
        }

    def clean_time_zone(self) -> Any:
        name = self.cleaned_data["time_zone"]
        if name not in zoneinfo.available_timezones():
            raise forms.ValidationError("This is not a time zone, such as Europe/Lisbon.")
        return name


class RoleForm(forms.Form):
    user = forms.ModelChoiceField(queryset=User.objects.filter(is_active=True))
    role = forms.ChoiceField(choices=list(ROLES.items()))
    reason = forms.CharField(max_length=500)
