"""Training records, and templates of known-answer items."""

from __future__ import annotations

from django import forms

from apps.access.models import User
from apps.access.queries import holders
from apps.registry.states import Risk


class TrainingForm(forms.Form):
    user = forms.ModelChoiceField(queryset=User.objects.none(), label="Person")
    most_risk = forms.ChoiceField(choices=Risk.choices, label="Up to")
    course = forms.CharField(max_length=200, label="Training")
    days = forms.IntegerField(min_value=1, max_value=730, initial=365, label="Valid for days")

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        people = holders("approvals.decide").order_by("display_name")
        self.fields["user"].queryset = people  # type: ignore[attr-defined]


class SeedTemplateForm(forms.Form):
    slug = forms.SlugField(max_length=50, help_text="Saving a name again replaces the template.")
    tool = forms.CharField(max_length=120, help_text="The action, for instance payments.schedule.")
    title = forms.CharField(max_length=200)
    answer = forms.ChoiceField(
        choices=[("reject", "Reject: a defect is planted"), ("approve", "Approve: nothing is")],
        label="Right answer",
    )
    edits = forms.JSONField(
        required=False,
        initial=list,
        empty_value=[],
        widget=forms.Textarea(attrs={"rows": 5, "spellcheck": "false"}),
        help_text="A list of changes: path in the evidence (arguments.amount, "
        "will_happen.after.iban, facts.duplicate.value), do (set, times, digits, append), value.",
    )
    defect = forms.CharField(max_length=300, required=False, help_text="What is wrong.")
    clue = forms.CharField(max_length=300, required=False, help_text="Where it shows.")
