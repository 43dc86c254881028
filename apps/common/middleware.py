"""The acting context, the viewer's zone, and refusals as answers, around every request."""

from __future__ import annotations

import zoneinfo
from collections.abc import Callable

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone

from apps.common.acting import acting
from apps.common.errors import Absent, Refused

Handler = Callable[[HttpRequest], HttpResponse]


class TimeZoneMiddleware:
    """Activates the signed-in person's zone (User.time_zone); UTC for everybody else."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        name = getattr(request.user, "time_zone", "") or "UTC"
        try:
            timezone.activate(zoneinfo.ZoneInfo(name))
        except (zoneinfo.ZoneInfoNotFoundError, ValueError):
            timezone.activate(zoneinfo.ZoneInfo("UTC"))
        try:
            return self.get_response(request)
        finally:
            timezone.deactivate()


class ActingMiddleware:
    """One act per request: the person who is signed in, never a name from the body."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        trigger = f"{request.method} {request.path}"[:200]
        if not request.user.is_authenticated:
            with acting(trigger=trigger, label="anonymous"):
                return self.get_response(request)
        with acting(
            kind="person", id=str(request.user.pk), label=str(request.user), trigger=trigger
        ):
            return self.get_response(request)


class RefusalMiddleware:
    """A refusal from a service that no view handled: the sentence, and the page it came from."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if isinstance(error, Absent):
            raise Http404(error.sentence)
        if not isinstance(error, Refused):
            return None
        context = {"sentence": error.sentence, "code": error.code}
        return render(request, "errors/refused.html", context, status=error.status)


class SessionExpiredMiddleware:
    """A swap or poll of a signed-out browser leaves the page; a sign-in form never lands in a
    fragment."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        asked_by_htmx = getattr(request, "htmx", False)
        if asked_by_htmx and response.status_code == 302 and "/sign-in" in response["Location"]:
            answer = HttpResponse(status=204)
            answer["HX-Redirect"] = response["Location"]
            return answer
        return response


def told(request: HttpRequest, sentence: str, to: str) -> HttpResponse:
    """A success message and a redirect, in one answer."""
    messages.success(request, sentence)
    return redirect(to)
