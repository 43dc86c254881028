"""Guards for pages and API routes. The service checks again; a guard only hides what is not
yours, with the same answer as for what does not exist."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django_htmx.middleware import HtmxDetails
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from apps.access.models import User
from apps.access.queries import holds
from apps.ledger.reads import noted
from apps.ledger.services import record

View = Callable[..., HttpResponse]


class PersonRequest(HttpRequest):
    """A request behind LoginRequiredMiddleware: somebody is signed in (for type checkers)."""

    user: User
    htmx: HtmxDetails


SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


def note_refusal(request: HttpRequest | Request, permission: str) -> None:
    """An act that was tried without the right to it is on record, once per person, right and
    hour: the guard answers before any service could record it. Looking is no act."""
    if request.method in SAFE or not isinstance(request.user, User):
        return
    if not noted("access.refused", reason=permission):
        record(
            type="access.refused",
            object=request.user,
            outcome="denied",
            reason=permission,
            typed=False,
        )


def needs(permission: str) -> Callable[[View], View]:
    def decorate(view: View) -> View:
        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if not holds(request.user, permission):
                note_refusal(request, permission)
                raise Http404
            return view(request, *args, **kwargs)

        guarded.needs = permission  # type: ignore[attr-defined]
        return guarded

    return decorate


def api_needs(permission: str) -> type[BasePermission]:
    """A REST framework permission class for one permission of the matrix."""

    class Needs(BasePermission):
        def has_permission(self, request: Request, view: Any) -> bool:
            if holds(request.user, permission):
                return True
            note_refusal(request, permission)
            return False

    return Needs
