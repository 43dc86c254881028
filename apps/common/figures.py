"""Figures for Plotly: data only. Colours come from the page's own tokens (static/js/charts.js)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any


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
            "xaxis": {"title": {"text": across}},
            "yaxis": {"title": {"text": up}, "rangemode": "tozero"},
            "height": 320,
        },
    )
    found: dict[str, Any] = json.loads(figure.to_json())
    return found
