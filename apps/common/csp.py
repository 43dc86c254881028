"""Content-Security-Policy, under the setting's name that Django 6 uses, so this can go then."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse

DOCS = "/api/docs"


class ContentSecurityPolicyMiddleware:
    """Strict everywhere. The API's own documentation page alone may style inline: its viewer
    does, and it shows nothing but our schema."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        policy = dict(settings.SECURE_CSP)
        if getattr(response, "draws_charts", False):
            policy["style-src"] = [*policy["style-src"], *settings.CHART_STYLES]
        if request.path == DOCS:
            policy["style-src"] = [*policy["style-src"], "'unsafe-inline'"]
        response["Content-Security-Policy"] = header(policy)
        return response


def drawing_charts(response: HttpResponse) -> HttpResponse:
    """Marks a page on which Plotly draws: its two style elements are let in by their hashes."""
    response.draws_charts = True  # type: ignore[attr-defined]
    return response


def header(policy: dict[str, list[str]]) -> str:
    return "; ".join(f"{name} {' '.join(values)}" for name, values in policy.items())
