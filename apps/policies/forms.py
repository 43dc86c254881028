from __future__ import annotations

from django import forms


class PolicyForm(forms.Form):
    title = forms.CharField(max_length=200)
    slug = forms.SlugField(help_text="Small letters, digits and hyphens; never changes.")
    purpose = forms.CharField(widget=forms.Textarea(attrs={"rows": 2}), required=False)


class ReasonForm(forms.Form):
    reason = forms.CharField(widget=forms.Textarea(attrs={"rows": 3}), max_length=2000)
