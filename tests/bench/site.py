"""The product's own site with the bench's tool on the shelf, and a plain JSON view beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from config.wsgi import application as product


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    return product(environ, start_response)


def prepare() -> None:
    from django.contrib.auth.decorators import login_not_required
    from django.http import HttpRequest, JsonResponse
    from django.urls import path

    from apps.runtime import toolbox
    from config import urls
    from tests.support import Shelf

    @login_not_required
    def plain(request: HttpRequest) -> JsonResponse:
        return JsonResponse({"decision": "allow", "reasons": []})

    toolbox.register(Shelf())
    urls.urlpatterns.append(path("plain", plain))


prepare()
