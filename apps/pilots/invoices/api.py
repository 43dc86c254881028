"""Invoices by post to the API: from a service with its key, or from a person's session."""

from __future__ import annotations

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.authentication import SessionAuthentication
from rest_framework.parsers import BaseParser
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.access.models import User
from apps.access.queries import holds
from apps.common.acting import acting
from apps.common.errors import Absent
from apps.gateway.authentication import AgentKey
from apps.pilots.invoices import services
from apps.pilots.invoices.ubl import LARGEST
from apps.registry.models import AgentCredential
from apps.registry.states import Kind


class DeliveryOutput(serializers.Serializer):  # type: ignore[type-arg]
    document = serializers.UUIDField()
    run = serializers.CharField()
    new = serializers.BooleanField(help_text="False when the same bytes came before.")


class XmlBytes(BaseParser):
    """The body as it came, at most a byte more than is allowed: the service refuses the rest."""

    media_type = "application/xml"

    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> Any:
        return bytes(stream.read(LARGEST + 1))


class MayDeliver(BasePermission):
    """Before the body is read: a service's key, or a person who operates the pilots."""

    def has_permission(self, request: Request, view: Any) -> bool:
        if isinstance(request.auth, AgentCredential):
            return bool(request.auth.agent.kind == Kind.SERVICE)
        return holds(request.user, "pilots.operate")


class Deliveries(APIView):
    authentication_classes = (AgentKey, SessionAuthentication)
    permission_classes = (MayDeliver,)
    parser_classes = (XmlBytes,)

    @extend_schema(
        request={"application/xml": OpenApiTypes.BINARY},
        responses=DeliveryOutput,
        parameters=[OpenApiParameter("name", str, description="The file's name, for people.")],
        summary="Deliver a UBL invoice or credit note",
    )
    def post(self, request: Request) -> Response:
        content = request.data if isinstance(request.data, bytes) else b""
        received = receive(request, content, request.query_params.get("name", "delivery.xml"))
        answer = {
            "document": str(received.document.pk),
            "run": received.run.reference,
            "new": received.new,
        }
        return Response(answer, status=201 if received.new else 200)


def receive(request: Request, content: bytes, name: str) -> services.Received:
    if isinstance(request.auth, AgentCredential):
        agent = request.auth.agent
        with acting(kind="agent", id=str(agent.pk), label=agent.label):
            return services.deliver(credential=request.auth, content=content, filename=name)
    if not isinstance(request.user, User):
        raise Absent
    return services.receive(actor=request.user, content=content, filename=name, source="api")
