"""Outside agents sign in with their key, on every call; nothing is remembered between calls."""

from __future__ import annotations

from typing import Any

from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.request import Request

from apps.common.errors import Refused
from apps.ledger.services import record
from apps.registry import queries, services
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


class AgentKey(BaseAuthentication):
    def authenticate(self, request: Request) -> tuple[Any, AgentCredential] | None:
        words = get_authorization_header(request).decode("latin-1").split()
        if len(words) != 2 or words[0].lower() != "bearer":
            return None
        try:
            credential = queries.authenticate(words[1])
        except Refused as error:
            record(type="credential.refused", outcome="denied", reason=error.code)
            raise BadKey(error.sentence, error.code) from None
        address = str(request.META.get("REMOTE_ADDR", ""))
        services.note_use(credential=credential, address=address)
        return AgentPrincipal(credential.agent), credential

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"
