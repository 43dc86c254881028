"""What an emergency measure holds, on the pages of agents and tools below the council."""

from __future__ import annotations

from django import template
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from apps.common.templatetags.ui import due, tag
from apps.council.models import Measure

register = template.Library()


@register.simple_tag
def held_by(hold: str) -> SafeString | str:
    """The measure that holds something (its reference is all that the layers below know), a link
    to it, and when it ends by itself; nothing where nothing is held."""
    if not hold:
        return ""
    number = hold.rpartition("-")[2]
    found = Measure.objects.filter(number=number).first() if number.isdecimal() else None
    if found is None:
        return format_html("{} {}", tag("danger", "Emergency measure"), hold)
    return format_html(
        '{} <a href="{}">{}</a>, ends by itself: {}',
        tag("danger", "Emergency measure"),
        reverse("council:measure", args=[found.number]),
        found.reference,
        due(found.ends_at),
    )
