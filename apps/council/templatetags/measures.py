"""What an emergency measure holds, on the pages of agents, tools and runs below the council."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import template
from django.db.models import Q
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from apps.common.templatetags.ui import due, tag
from apps.council.models import Measure
from apps.council.states import MeasureKind, MeasureStatus

register = template.Library()
MOST = 20


@register.simple_tag
def measures_over(lines: Sequence[Any]) -> SafeString:
    """A note for each measure in force that holds an agent or a tool of a run's steps."""
    agents = {line.step.agent.slug for line in lines}
    tools = {line.step.tool for line in lines}
    of_agents = Q(kind__in=(MeasureKind.SUSPEND_AGENT, MeasureKind.REVIEW_AGENT), target__in=agents)
    of_tools = Q(kind=MeasureKind.DENY_TOOL, target__in=tools)
    found = Measure.objects.filter(of_agents | of_tools, status=MeasureStatus.IN_FORCE)
    return format_html_join(
        "",
        '<p class="note">{} <a href="{}">{}</a> · ends by itself: {}</p>',
        (
            (
                tag("danger", "Emergency measure"),
                reverse("council:measure", args=[measure.number]),
                measure,
                due(measure.ends_at),
            )
            for measure in found.order_by("number")[:MOST]
        ),
    )


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
