from __future__ import annotations

from typing import Any

from django import forms

from apps.common import processes
from apps.orchestration.states import Kind
from apps.registry.models import Agent
from apps.runtime.states import BudgetScope, BudgetUnit, BudgetWindow, Forced


class ReasonForm(forms.Form):
    reason = forms.CharField(widget=forms.Textarea(attrs={"rows": 3}), max_length=2000)


class PlaceForm(forms.Form):
    process = forms.ChoiceField(required=False)
    reason = forms.CharField(widget=forms.Textarea(attrs={"rows": 3}), max_length=2000)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        named = self.initial.get("process", "")
        known = [("", "None: nothing but the policies bounds it"), *processes.choices()]
        # A name that the inventory does not know (any more) can be kept, and is not offered.
        if named and named not in dict(known):
            known.append((named, f"{named} (not in the inventory)"))
        self.fields["process"].choices = known  # type: ignore[attr-defined]


class BudgetForm(forms.Form):
    scope = forms.ChoiceField(choices=BudgetScope.choices, label="For")
    subject = forms.SlugField(
        label="Name", help_text="The short name of the agent, the department or the workflow."
    )
    unit = forms.ChoiceField(choices=BudgetUnit.choices, label="What")
    amount = forms.DecimalField(
        min_value=0, max_value=10**12, decimal_places=2, label="How much",
        help_text="Money in whole units of its currency, such as 2500.00.",
    )  # fmt: skip
    currency = forms.RegexField(
        "^[A-Z]{3}$", required=False, empty_value="", help_text="For money: three letters, EUR."
    )
    window = forms.ChoiceField(choices=BudgetWindow.choices, label="In")
    reason = forms.CharField(widget=forms.Textarea(attrs={"rows": 3}), max_length=2000)

    def clean(self) -> dict[str, Any]:
        """Money is kept in minor units; nothing else comes in parts."""
        found: dict[str, Any] = super().clean() or {}
        amount = found.get("amount")
        if amount is not None:
            whole = amount * 100 if found.get("unit") == BudgetUnit.MONEY else amount
            if whole != whole.to_integral_value():
                self.add_error("amount", "Only money comes in parts.")
            found["amount"] = int(whole)
        return found


class RateForm(forms.Form):
    agent = forms.SlugField(required=False, help_text="Leave it empty for every agent.")
    tool = forms.CharField(required=False, max_length=120, help_text="Or for every tool.")
    per_minute = forms.IntegerField(min_value=0, max_value=100_000, label="Calls per minute")
    burst = forms.IntegerField(
        min_value=1, max_value=10_000, initial=1, label="At once", help_text="After a pause."
    )
    reason = forms.CharField(widget=forms.Textarea(attrs={"rows": 3}), max_length=2000)


class BreakerForm(forms.Form):
    tool = forms.CharField(max_length=120)
    forced = forms.ChoiceField(choices=Forced.choices, required=False, label="Breaker")
    reason = forms.CharField(widget=forms.Textarea(attrs={"rows": 3}), max_length=2000)


class PrecedenceForm(forms.Form):
    agent = forms.ModelChoiceField(
        queryset=Agent.objects.exclude(status="retired").order_by("name"), to_field_name="slug"
    )
    rank = forms.IntegerField(min_value=-100, max_value=100, initial=0)
    kind = forms.ChoiceField(choices=Kind.choices, initial=Kind.BUSINESS, label="It serves")
    reason = forms.CharField(widget=forms.Textarea(attrs={"rows": 3}), max_length=2000)
