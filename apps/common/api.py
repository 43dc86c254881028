"""Refusals over the API: the same sentence, a stable code, the right status."""

from __future__ import annotations

from typing import Any

from rest_framework.response import Response
from rest_framework.views import exception_handler

from apps.common.errors import Invalid, Refused


def answer_refusals(error: Exception, context: dict[str, Any]) -> Response | None:
    if isinstance(error, Refused):
        return Response(refusal(error), status=error.status)
    return exception_handler(error, context)


def refusal(error: Refused) -> dict[str, Any]:
    body: dict[str, Any] = {"code": error.code, "detail": error.sentence}
    if isinstance(error, Invalid) and error.fields:
        body["fields"] = error.fields
    return body
