"""The read API for people: agents, runs, approvals, policies and events, newest first."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.access.guards import api_needs
from apps.access.models import User
from apps.approvals.queries import visible
from apps.common.errors import Absent
from apps.common.paging import cursor_of, keyset
from apps.ledger.models import LedgerEvent
from apps.orchestration import queries as runs
from apps.policies.models import PolicyVersion
from apps.registry.models import Agent

SIZE = 100


class RowsOutput(serializers.Serializer):  # type: ignore[type-arg]
    results = serializers.ListField(child=serializers.DictField())
    next = serializers.CharField(allow_blank=True, help_text="Pass it as ?after= for older rows.")


class Rows(APIView):
    """One page of rows by keyset; `fields` are what is shown, `order` the moment to sort by."""

    fields: tuple[str, ...] = ()
    sources: dict[str, str] = {}
    order = "created_at"

    def rows(self, request: Request) -> QuerySet[Any]:
        raise NotImplementedError

    @extend_schema(responses=RowsOutput)
    def get(self, request: Request) -> Response:
        after = request.query_params.get("after", "")
        found = keyset(self.rows(request), after, field=self.order, size=SIZE)
        following = ""
        if len(found) > SIZE:
            last = found[SIZE - 1]
            following = cursor_of(getattr(last, self.order), last.pk)
        names = [(name, self.sources.get(name, name)) for name in self.fields]
        shown = [{name: plain(row, source) for name, source in names} for row in found[:SIZE]]
        return Response({"results": shown, "next": following})


def plain(row: Any, name: str) -> Any:
    value = row
    for part in name.split("__"):
        value = getattr(value, part)
    return value if value is None or isinstance(value, (str, int, bool, list, dict)) else str(value)


def person(request: Request) -> User:
    """The signed-in person; the permission classes let nobody else through."""
    if not isinstance(request.user, User):
        raise Absent
    return request.user


class Agents(Rows):
    permission_classes = (api_needs("agents.view"),)
    fields = ("slug", "name", "version", "status", "risk_tier", "owner__username", "created_at")

    def rows(self, request: Request) -> QuerySet[Any]:
        return Agent.objects.select_related("owner")


class Runs(Rows):
    permission_classes = (api_needs("runs.view"),)
    fields = ("reference", "subject", "status", "outcome", "sentence", "created_at", "ended_at")

    def rows(self, request: Request) -> QuerySet[Any]:
        return runs.runs(person(request))


class Approvals(Rows):
    permission_classes = (api_needs("api.read"),)
    fields = ("reference", "title", "status", "execution", "risk", "agent_label", "created_at")

    def rows(self, request: Request) -> QuerySet[Any]:
        return visible(person(request))


class Policies(Rows):
    permission_classes = (api_needs("policies.view"),)
    fields = ("policy__slug", "number", "status", "digest", "text", "created_at")

    def rows(self, request: Request) -> QuerySet[Any]:
        return PolicyVersion.objects.select_related("policy")


class Events(Rows):
    permission_classes = (api_needs("audit.view"),)
    order = "at"
    fields = ("id", "at", "type", "actor_kind", "actor_label", "object_type", "object_id",
              "object_label", "outcome", "reason", "digest")  # fmt: skip
    sources = {"reason": "why"}

    def rows(self, request: Request) -> QuerySet[Any]:
        return LedgerEvent.objects.select_related("personal")
