"""Figures: data for Plotly, and drawings of the server's own. Colours are the page's (app.css,
static/js/charts.js)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString


def stacked_bars(
    series: Mapping[str, Mapping[str, int]], *, across: str, up: str
) -> dict[str, Any]:
    """{series: {category: count}} as one bar per category; {} for nothing to draw."""
    from plotly import graph_objects

    categories = sorted({category for counts in series.values() for category in counts})
    if not categories:
        return {}
    figure = graph_objects.Figure(
        data=[
            graph_objects.Bar(
                name=name, x=categories, y=[counts.get(category, 0) for category in categories]
            )
            for name, counts in sorted(series.items())
        ],
        layout={
            "barmode": "stack",
            "template": "none",
            "xaxis": {"title": {"text": across}, "type": "category"},
            "yaxis": {"title": {"text": up}, "rangemode": "tozero"},
            "height": 320,
        },
    )
    found: dict[str, Any] = json.loads(figure.to_json())
    return found


WIDE, HIGH, LEGEND = 720, 240, 24


def bars_svg(series: Mapping[str, Mapping[str, int]]) -> SafeString | str:
    """The same bars as a drawing of the server's, for print and without scripts; "" for nothing.
    Each bar names its day, outcome and number; a legend names the colours."""
    categories = sorted({category for counts in series.values() for category in counts})
    if not categories:
        return ""
    names = sorted(series)
    tallest = max(sum(series[name].get(each, 0) for name in names) for each in categories) or 1
    width = WIDE / len(categories)
    bars = []
    for index, category in enumerate(categories):
        base, left = float(HIGH), (index + 0.1) * width
        for place, name in enumerate(names):
            number = series[name].get(category, 0)
            height = number / tallest * (HIGH - LEGEND)
            base -= height
            if number:
                title = f"{category}, {name}: {number}"
                bars.append(
                    (
                        place % 6,
                        *(round(each, 1) for each in (left, base, width * 0.8, height)),
                        title,
                    )
                )
    drawn = format_html_join(
        "",
        '<rect class="series-{}" x="{}" y="{}" width="{}" height="{}"><title>{}</title></rect>',
        bars,
    )
    legend = format_html_join(
        "",
        '<g><rect class="series-{}" x="{}" y="2" width="12" height="12"></rect>'
        '<text x="{}" y="13">{}</text></g>',
        ((n % 6, n * 130, n * 130 + 18, name) for n, name in enumerate(names)),
    )
    return format_html(
        '<svg class="chart-bars" viewBox="0 0 {} {}" role="presentation">{}{}'
        '<text x="0" y="{}">{}</text><text x="{}" y="{}" text-anchor="end">{}</text></svg>',
        WIDE, HIGH + 20, legend, drawn, HIGH + 16, categories[0], WIDE, HIGH + 16, categories[-1],
    )  # fmt: skip


def safe_cell(value: object) -> object:
    """A text for a table program: what it would take for a formula is quoted."""
    if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r"):
        return f"'{value}"
    return value
