"""A call as a form made of its tool's own schema, and a question to somebody."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from django import forms

from apps.access.models import User
from apps.common.vocabulary import label

PREFIX = "arg-"


class JsonField(forms.CharField):
    """A value that has no field of its own: written as JSON."""

    widget = forms.Textarea

    def clean(self, value: Any) -> Any:
        text = super().clean(value)
        try:
            return json.loads(text) if text else None
        except ValueError:
            raise forms.ValidationError("Write it as JSON.") from None


class NumberField(forms.CharField):
    """A number as it is written: 3 stays whole, 3.0 does not."""

    def clean(self, value: Any) -> Any:
        text = super().clean(value)
        try:
            found = json.loads(text) if text else None
        except ValueError:
            found = text
        if found is not None and (isinstance(found, bool) or not isinstance(found, int | float)):
            raise forms.ValidationError("Write a number.")
        return found


class CallForm(forms.Form):
    """One field for each argument that the schema names. What stays empty is left out."""

    def __init__(
        self, *args: Any, schema: Mapping[str, Any], current: Mapping[str, Any], **more: Any
    ) -> None:
        super().__init__(*args, **more)
        self.names = list(schema.get("properties", {}))
        needed = schema.get("required", ())
        for name in self.names:
            described = schema["properties"][name]
            value = current.get(name)
            field = field_for(described, required=name in needed)
            field.label = described.get("title") or label(name)
            field.help_text = described.get("description", "")
            is_json = isinstance(field, JsonField)
            field.initial = json.dumps(value) if is_json and name in current else value
            self.fields[PREFIX + name] = field
        self.fields["reason"] = forms.CharField(
            label="Why you change it",
            max_length=2000,
            widget=forms.Textarea(attrs={"rows": 2}),
            help_text="Recorded, and told to whoever decides on the edited call.",
        )

    def arguments(self) -> dict[str, Any]:
        found = {name: self.cleaned_data[PREFIX + name] for name in self.names}
        return {name: value for name, value in found.items() if value is not None and value != ""}

    def add_refusal(self, fields: Mapping[str, Sequence[str]], sentence: str) -> None:
        """What the service said, at the field that it is about."""
        placed = False
        for name, sentences in fields.items():
            field = PREFIX + name.split(".")[0]
            if field in self.fields or name in self.fields:
                self.add_error(field if field in self.fields else name, list(sentences))
                placed = True
        if not placed:
            self.add_error(None, sentence)


def field_for(described: Mapping[str, Any], *, required: bool) -> forms.Field:
    options = described.get("enum")
    if options and all(isinstance(option, str) for option in options):
        blank = [] if required else [("", "not given")]
        return forms.ChoiceField(choices=[*blank, *((o, o) for o in options)], required=required)
    kind = described.get("type")
    if kind == "string":
        return forms.CharField(
            required=required, max_length=described.get("maxLength", 10_000), strip=False
        )
    if kind in ("integer", "number"):
        return NumberField(required=required)
    if kind == "boolean":
        return forms.TypedChoiceField(
            choices=[("", "not given"), ("True", "yes"), ("False", "no")],
            coerce=lambda text: {"True": True, "False": False}.get(text),
            empty_value=None,
            required=required,
        )
    return JsonField(required=required, widget=forms.Textarea(attrs={"rows": 4}))


class AskForm(forms.Form):
    asked = forms.ModelChoiceField(queryset=User.objects.none(), label="Whom")
    text = forms.CharField(
        label="Question",
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="They see the question and the title of the item, and nothing else of it.",
    )

    def __init__(self, *args: Any, people: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.fields["asked"].queryset = people  # type: ignore[attr-defined]
