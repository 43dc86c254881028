"""Outside agents sign in with their key, on every call; nothing is remembered between calls."""

from __future__ import annotations

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.request import Request

from apps.common.errors import Refused
from apps.ledger.services import record
from apps.registry import directory, queries, services
from apps.registry.models import Agent, AgentCredential


class BadKey(Refused):
    status = 401


class AgentPrincipal:
    """Who an agent's call comes from. It is no user: it holds no role and sees no page."""

    is_authenticated = True
    is_active = False
    pk = None

    def __init__(self, agent: Agent) -> None:
        self.agent = agent

    def __str__(self) -> str:
        return self.agent.label


def key_in(header: str) -> str:
    """The key of a Bearer header; "" when it holds none."""
    words = header.split()
    return words[1] if len(words) == 2 and words[0].lower() == "bearer" else ""


def credential_of(
    key: str, address: str, reading: directory.Reading | None = None
) -> AgentCredential:
    """The credential of a key that is good at this moment, its use noted. Raises BadKey; a key
    that is refused is on record."""
    try:
        credential = queries.authenticate(key, reading)
    except Refused as error:
        record(type="credential.refused", outcome="denied", reason=error.code)
        raise BadKey(error.sentence, error.code) from None
    services.note_use(credential=credential, address=address)
    return credential


class AgentKey(BaseAuthentication):
    def authenticate(self, request: Request) -> tuple[Any, AgentCredential] | None:
        key = key_in(get_authorization_header(request).decode("latin-1"))
        if not key:
            return None
        credential = credential_of(key, str(request.META.get("REMOTE_ADDR", "")))
        return AgentPrincipal(credential.agent), credential

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


class AgentKeyScheme(OpenApiAuthenticationExtension):  # type: ignore[misc, no-untyped-call]
    """What the API's description says about keys."""

    target_class = "apps.gateway.authentication.AgentKey"
    name = "agentKey"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "bearerFormat": "agk_<prefix>_<secret>"}
