from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Mapping
from typing import Any

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse, UnreadablePostError
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.encoders import JSONEncoder
from rest_framework.utils.json import strict_constant
from rest_framework.views import APIView

from apps.approvals.models import Edit
from apps.common.acting import acting
from apps.common.api import refusal
from apps.common.canonical import digest
from apps.common.errors import Absent, Invalid, Refused
from apps.gateway import authentication
from apps.gateway.authentication import AgentKey, key_in
from apps.registry import queries as registry
from apps.registry.models import AgentCredential
from apps.runtime import gate, outside
from apps.runtime.models import Action
from apps.runtime.rules import CallContext

MOST_TOKENS = 1_000_000_000
LONGEST = {"tool": 120, "purpose": 4_000, "session": 200}


class ActionInput(serializers.Serializer):  # type: ignore[type-arg]
    tool = serializers.CharField()
    arguments = serializers.JSONField()
    purpose = serializers.CharField(required=False)
    session = serializers.CharField(required=False, help_text="The agent's own task id.")
    facts = serializers.JSONField(required=False, help_text="Claims; they never satisfy a rule.")


class ActionOutput(serializers.Serializer):  # type: ignore[type-arg]
    decision = serializers.ChoiceField(choices=["allow", "deny", "review"])
    action = serializers.UUIDField()
    status = serializers.CharField()
    reasons = serializers.ListField(child=serializers.DictField())
    policy_versions = serializers.DictField(child=serializers.IntegerField())
    obligations = serializers.ListField(child=serializers.CharField())
    expires_at = serializers.DateTimeField(
        allow_null=True, help_text="decide_by while it waits, execute_by once it is allowed."
    )
    decide_by = serializers.DateTimeField(allow_null=True)
    execute_by = serializers.DateTimeField(allow_null=True)
    result = serializers.JSONField(allow_null=True)
    error = serializers.CharField(help_text="Why not; with a no of people their instruction.")
    edited = serializers.JSONField(
        allow_null=True, help_text="The call that a person put in the place of this one."
    )


class RefusalOutput(serializers.Serializer):  # type: ignore[type-arg]
    code = serializers.CharField(help_text="Stable, for machines.")
    detail = serializers.CharField(help_text="A sentence for people.")


ANSWERS: dict[int, Any] = {
    200: ActionOutput,
    **dict.fromkeys((401, 404, 409, 422), RefusalOutput),
}


class OutcomeInput(serializers.Serializer):  # type: ignore[type-arg]
    succeeded = serializers.BooleanField()
    result = serializers.JSONField(required=False)
    error = serializers.CharField(required=False)
    tokens = serializers.IntegerField(
        required=False, help_text="What a model used up to come to this call; counts in budgets."
    )


class IsAgent(BasePermission):
    def has_permission(self, request: Request, view: Any) -> bool:
        return isinstance(request.auth, AgentCredential)


def credential_of(request: Request) -> AgentCredential:
    """The key that the call came with; IsAgent lets nothing else through."""
    if not isinstance(request.auth, AgentCredential):
        raise Absent("There is no such action.")
    return request.auth


class AgentView(APIView):
    authentication_classes = (AgentKey,)
    permission_classes = (IsAgent,)


class Actions(AgentView):
    """The hot door. Of a call in the usual form DRF's machinery would take longer than the verdict,
    so that is answered here; anything unusual takes the long way, to the same answer."""

    def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        key = key_in(request.META.get("HTTP_AUTHORIZATION", ""))
        data = json_of(request) if request.method == "POST" and key else None
        if data is None:
            return super().dispatch(request, *args, **kwargs)
        try:
            return told(asked_with(key, data, request), 200)
        except Refused as error:
            return told(refusal(error), error.status)

    @extend_schema(
        request=ActionInput,
        responses=ANSWERS,
        parameters=[OpenApiParameter("Idempotency-Key", str, OpenApiParameter.HEADER)],
        summary="Ask the gate for one action",
    )
    def post(self, request: Request) -> Response:
        body = read_body(request.data)
        credential = credential_of(request)
        return Response(asked(body, call_for(body, credential, request), credential))


def json_of(request: HttpRequest) -> Any:
    """The body of a call in the usual form; None for any other."""
    if request.content_type != "application/json":
        return None
    try:
        return json.loads(request.body, parse_constant=strict_constant)
    except (ValueError, RecursionError, RequestDataTooBig, UnreadablePostError):
        return None


def asked_with(key: str, data: Any, request: HttpRequest) -> dict[str, Any]:
    """Key and call are looked up by one question, asked about whose key this was when this process
    last looked; whether it is good is then judged by what the database has just said."""
    address = str(request.META.get("REMOTE_ADDR", ""))
    presumed = registry.presumed(key)
    if presumed is None:
        credential = authentication.credential_of(key, address)
        body = read_body(data)
        return asked(body, call_for(body, credential, request), credential)
    try:
        body = read_body(data)
    except Invalid:
        authentication.credential_of(key, address)
        raise
    call = call_for(body, presumed, request)
    reading = gate.look(agent_id=presumed.agent_id, tool=body["tool"], call=call)
    return asked(body, call, authentication.credential_of(key, address, reading.registry), reading)


def call_for(
    body: Mapping[str, Any], credential: AgentCredential, request: Request | HttpRequest
) -> CallContext:
    return CallContext(
        idem_key=key_of(request.headers.get("Idempotency-Key", ""), credential),
        purpose=body["purpose"],
        trigger={"door": "api"},
        session=body["session"],
        credential_id=credential.pk,
        claims=body["facts"],
    )


def asked(
    body: Mapping[str, Any],
    call: CallContext,
    credential: AgentCredential,
    reading: gate.Reading | None = None,
) -> dict[str, Any]:
    """What the gate says, on behalf of the key's agent."""
    agent = credential.agent
    with acting(kind="agent", id=str(agent.pk), label=agent.label):
        outcome = gate.attempt(
            agent_id=agent.pk,
            tool=body["tool"],
            arguments=body["arguments"],
            call=call,
            reading=reading,
        )
    return answer(outcome.action)


def told(body: Mapping[str, Any], status: int) -> HttpResponse:
    text = json.dumps(body, cls=JSONEncoder, ensure_ascii=False, separators=(",", ":"))
    found = HttpResponse(text, status=status, content_type="application/json")
    if status == 401:
        found["WWW-Authenticate"] = "Bearer"
    return found


def key_of(given: str, credential: AgentCredential) -> str:
    """The caller's idempotency key, bound to the agent; without one each call is its own."""
    if not given:
        return f"once:{uuid.uuid4()}"
    words = f"{credential.agent_id}|{given}"
    return "key:" + hashlib.sha256(words.encode()).hexdigest()


def read_body(data: Any) -> dict[str, Any]:
    """Checked by hand: this is the hot door, and nested serializers cost more than the verdict.
    Identity is never read from here; unknown names are left alone."""
    if not isinstance(data, dict):
        raise Invalid("Send one JSON object.", "bad_request")
    found = {"purpose": "", "session": "", "facts": {}, **data}
    for name, longest in LONGEST.items():
        value = found.get(name)
        if not isinstance(value, str) or len(value) > longest or "\x00" in value:
            raise Invalid(f"{name} is a text of at most {longest} characters.", "bad_request")
    for name in ("arguments", "facts"):
        if not isinstance(found.get(name), dict):
            raise Invalid(f"{name} is a JSON object.", "bad_request")
    try:
        digest([found["arguments"], found["facts"]])
    except (TypeError, ValueError, RecursionError):
        raise Invalid("The arguments cannot be read.", "bad_request") from None
    return found


def answer(action: Action) -> dict[str, Any]:
    expires = action.decide_by if action.status == "waiting" else action.execute_by
    return {
        "decision": decision_of(action),
        "action": str(action.pk),
        "status": action.status,
        "reasons": action.reasons,
        "policy_versions": action.policy_versions,
        "obligations": action.obligations,
        "expires_at": expires,
        "decide_by": action.decide_by if action.status == "waiting" else None,
        "execute_by": action.execute_by,
        "result": action.result,
        "error": action.error,
        "edited": edited_call(action),
    }


def edited_call(action: Action) -> dict[str, Any] | None:
    """What a person put in the place of the call: the agent goes on with that one."""
    if action.code != "edited":
        return None
    edit = Edit.objects.filter(request=action.approval_id).first()
    if edit is None:
        return None
    return {
        "action": str(edit.taken_ref) if edit.taken_ref else None,
        "tool": edit.tool,
        "arguments": edit.arguments,
        "reason": edit.reason,
    }


def decision_of(action: Action) -> str:
    """What holds now: a request that people approved is an allow, one they refused a deny."""
    if action.status in ("allowed", "executing", "done", "failed", "in_doubt", "undone"):
        return "allow"
    return "review" if action.status == "waiting" else "deny"


def own_action(request: Request, pk: uuid.UUID) -> Action:
    found = Action.objects.filter(pk=pk, agent_id=credential_of(request).agent_id).first()
    if found is None:
        raise Absent("There is no such action.")
    return found


class ActionDetail(AgentView):
    @extend_schema(responses=ANSWERS, summary="What became of an action")
    def get(self, request: Request, pk: uuid.UUID) -> Response:
        return Response(answer(own_action(request, pk)))


class ActionOutcome(AgentView):
    @extend_schema(request=OutcomeInput, responses=ANSWERS, summary="Report an effect of your own")
    def post(self, request: Request, pk: uuid.UUID) -> Response:
        action = own_action(request, pk)
        data = request.data
        if not isinstance(data, dict) or not isinstance(data.get("succeeded"), bool):
            raise Invalid("Say whether it succeeded: true or false.", "bad_request")
        tokens = data.get("tokens", 0)
        if type(tokens) is not int or not 0 <= tokens <= MOST_TOKENS:
            raise Invalid("tokens is a whole number, at least 0.", "bad_request")
        agent = credential_of(request).agent
        with acting(kind="agent", id=str(agent.pk), label=agent.label):
            outside.report(
                action=action,
                succeeded=data["succeeded"],
                result=data.get("result") or {},
                error=str(data.get("error") or ""),
                tokens=tokens,
            )
        return Response(answer(own_action(request, pk)))
