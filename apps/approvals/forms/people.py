from __future__ import annotations

import datetime as dt

from django import forms
from django.utils import timezone

from apps.access.models import User
from apps.access.queries import holders
from apps.approvals.models import Queue
from apps.approvals.queries import own_queue_ids
from apps.common.clock import now
from apps.common.inputs import DayInput
from apps.registry.states import Risk


class DelegationForm(forms.Form):
    taker = forms.ModelChoiceField(queryset=User.objects.none(), label="Who stands in")
    queue = forms.ModelChoiceField(
        queryset=Queue.objects.none(), required=False, empty_label="All of mine", label="For"
    )
    most_risk = forms.ChoiceField(choices=Risk.choices, initial=Risk.MEDIUM, label="Up to")
    starts_on = forms.DateField(
        required=False,
        label="From",
        help_text="Empty: from now on. A day to come begins at midnight in your zone.",
        widget=DayInput(),
    )
    days = forms.IntegerField(min_value=1, max_value=60, initial=7, label="For days")
    reason = forms.CharField(max_length=300, initial="Out of office")

    def __init__(self, *args: object, user: User, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        people = holders("approvals.decide").exclude(pk=user.pk).order_by("display_name")
        self.fields["taker"].queryset = people  # type: ignore[attr-defined]
        mine = Queue.objects.filter(pk__in=own_queue_ids(user)).order_by("name")
        self.fields["queue"].queryset = mine  # type: ignore[attr-defined]

    def starts_at(self) -> dt.datetime | None:
        """None for now. A day is one of the reader's own zone."""
        day = self.cleaned_data["starts_on"]
        if day is None or day <= timezone.localdate():
            return None
        return timezone.make_aware(dt.datetime.combine(day, dt.time()))

    def ends_at(self) -> dt.datetime:
        return (self.starts_at() or now()) + dt.timedelta(days=self.cleaned_data["days"])
