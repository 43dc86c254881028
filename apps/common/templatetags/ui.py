"""Atoms of the pages: status tags, moments, digests. Blocks are includes of components/."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

from django import template
from django.template.context import RequestContext
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from apps.common import processes
from apps.common.vocabulary import label, word_for

register = template.Library()
MINUTE, HOUR, DAY = 60, 3600, 86_400


@register.simple_tag
def status(kind: str, code: str) -> SafeString:
    """A tag: icon shape, word and tint. `{% status "run" run.status %}`"""
    tone, word = word_for(kind, code)
    return tag(tone, word)


@register.simple_tag
def tag(tone: str, word: str) -> SafeString:
    return format_html('<span class="tag tag-{}">{}{}</span>', tone, icon(f"tone-{tone}"), word)


@register.simple_tag
def icon(name: str) -> SafeString:
    """A symbol of the sprite that base.html carries."""
    return format_html(
        '<svg class="icon" aria-hidden="true" focusable="false"><use href="#i-{}"></use></svg>',
        name,
    )


def in_words(moment: dt.datetime, zone: str) -> str:
    return f"{moment.day} {moment:%b %Y, %H:%M} {zone}"


def zone_name(moment: dt.datetime) -> str:
    return moment.tzname() or "UTC"


@register.simple_tag
def moment(value: dt.datetime | None) -> SafeString | str:
    """In the viewer's zone, with UTC on hover: for working pages."""
    if value is None:
        return "–"
    local, utc = timezone.localtime(value), value.astimezone(dt.UTC)
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        utc.isoformat(),
        f"{utc:%Y-%m-%d %H:%M:%S} UTC",
        in_words(local, zone_name(local)),
    )


@register.simple_tag
def moment_utc(value: dt.datetime | None) -> SafeString | str:
    """UTC with seconds, with the viewer's zone on hover: for audit and evidence pages."""
    if value is None:
        return "–"
    local, utc = timezone.localtime(value), value.astimezone(dt.UTC)
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        utc.isoformat(),
        in_words(local, zone_name(local)),
        f"{utc:%Y-%m-%d %H:%M:%S}",
    )


def span_in_words(seconds: float) -> str:
    seconds = abs(seconds)
    if seconds < MINUTE:
        return "less than a minute"
    if seconds < 2 * HOUR:
        return f"{int(seconds // MINUTE)} min"
    if seconds < 2 * DAY:
        return f"{int(seconds // HOUR)} h"
    return f"{int(seconds // DAY)} days"


@register.simple_tag
def ago(value: dt.datetime | None) -> SafeString | str:
    """Relative words with the absolute moment on hover."""
    if value is None:
        return "never"
    words = span_in_words((timezone.now() - value).total_seconds())
    local = timezone.localtime(value)
    return format_html(
        '<time datetime="{}" title="{}">{} ago</time>',
        value.isoformat(),
        in_words(local, zone_name(local)),
        words,
    )


@register.simple_tag
def due(value: dt.datetime | None) -> SafeString | str:
    """`due in 17 min`, or how late."""
    if value is None:
        return ""
    left = (value - timezone.now()).total_seconds()
    local = timezone.localtime(value)
    return format_html(
        '<time class="due{}" datetime="{}" title="{}">{}</time>',
        " is-late" if left < 0 else "",
        value.isoformat(),
        in_words(local, zone_name(local)),
        f"{span_in_words(left)} late" if left < 0 else f"due in {span_in_words(left)}",
    )


@register.simple_tag(takes_context=True)
def process_named(context: RequestContext, slug: str) -> SafeString:
    """A process that a row names by its slug: its name, how ready it is, and what that means for
    agents. The inventory is asked once per page."""
    kept = context.render_context
    if "processes" not in kept:
        kept["processes"] = processes.known()
    found = kept["processes"].get(slug)
    if found is None:
        words = word_for("readiness_bound", "0")[1]
        return format_html(
            '<code>{}</code> {} <span class="muted small">{}</span>',
            slug,
            tag("warn", "Not in the inventory"),
            words,
        )
    name = format_html('<a href="{}">{}</a>', found.url, found.name) if found.url else found.name
    return format_html(
        '{} {} <span class="muted small">{}</span>',
        name,
        status("readiness_level", found.level),
        word_for("readiness_bound", found.level)[1],
    )


@register.simple_tag
def digest(value: str | None) -> SafeString | str:
    """A hash, shortened, whole on hover."""
    if not value:
        return "–"
    return format_html('<code class="digest" title="{}">{}…</code>', value, value[:10])


@register.simple_tag
def money(minor: int | None, currency: str) -> str:
    """An amount in minor units, for people."""
    return "–" if minor is None else f"{currency} {minor / 100:,.2f}"


@register.filter
def pretty(value: Any) -> str:
    """JSON for reading."""
    return json.dumps(value, indent=2, ensure_ascii=False, sort_keys=True, default=str)


@register.filter
def share(value: float | None) -> str:
    """0.031 as “3.1 %”."""
    return "–" if value is None else f"{100 * value:.1f} %"


register.filter("label", label)
register.filter("span", span_in_words)


@register.simple_tag(takes_context=True)
def query_with(context: RequestContext, **changes: Any) -> str:
    """The page's own query with some filters changed ("" removes one) and the cursor dropped."""
    query = context["request"].GET.copy()
    query.pop("after", None)
    for name, value in changes.items():
        query.pop(name, None)
        if value not in ("", None):
            query[name] = str(value)
    return f"?{query.urlencode()}"
