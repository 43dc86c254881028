from __future__ import annotations

from typing import Any

from django.forms import Form
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse

from apps.access.guards import PersonRequest, needs
from apps.access.queries import holds
from apps.common.errors import Invalid
from apps.common.middleware import told
from apps.ledger.reads import note_read
from apps.registry import queries, services
from apps.registry.forms import (
    AgentForm,
    CredentialForm,
    ListForm,
    ReasonForm,
    ToolForm,
)
from apps.registry.models import Agent, AgentCredential, Grant, ReferenceList, Tool
from apps.registry.signals import InFlight
from apps.registry.states import AgentStatus, Risk


@needs("agents.view")
def agents(request: PersonRequest) -> HttpResponse:
    filters = {name: request.GET.get(name, "") for name in ("search", "status", "risk")}
    context = {
        "agents": queries.agents(request.user, **filters),
        "filters": filters,
        "statuses": AgentStatus.choices,
        "risks": Risk.choices,
        "may_register": holds(request.user, "agents.register"),
    }
    return render(request, "registry/agents.html", context)


def agent_context(request: PersonRequest, agent: Agent) -> dict[str, Any]:
    user = request.user
    owns = queries.may_own(user, agent)
    return {
        "agent": agent,
        "grants": agent.grants.select_related("tool").order_by("revoked_at", "tool__name"),
        "credentials": agent.credentials.select_related("use").order_by("revoked_at", "-pk"),
        "may_suspend": owns or holds(user, "agents.suspend"),
        "may_propose": owns or holds(user, "council.propose"),
        "may_retire": holds(user, "agents.retire"),
        "may_issue": owns or holds(user, "credentials.issue"),
        "may_revoke": holds(user, "grants.revoke"),
        "may_audit": holds(user, "audit.view"),
    }


@needs("agents.view")
def agent(request: PersonRequest, slug: str) -> HttpResponse:
    found = queries.agent(request.user, slug)
    context = agent_context(request, found)
    if context["may_issue"]:
        note_read(object=found, what="an agent and its keys")
    context |= {"credential_form": CredentialForm()}
    return render(request, "registry/agent.html", context)


@needs("agents.register")
def register(request: PersonRequest) -> HttpResponse:
    form = AgentForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        made = services.register_agent(actor=request.user, **form.cleaned_data)
        return redirect("registry:agent", made.slug)
    status = 422 if form.errors else 200
    return render(request, "registry/register.html", {"form": form}, status=status)


VERBS = {
    "suspend": ("Suspend", services.suspend_agent),
    "resume": ("Resume", services.resume_agent),
    "retire": ("Retire", services.retire_agent),
}


@needs("agents.view")
def change(request: PersonRequest, slug: str, verb: str) -> HttpResponse:
    """A page of its own: says in numbers what will happen, and asks for the reason."""
    found = queries.agent(request.user, slug)
    word, service = VERBS[verb]
    form = ReasonForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        stopped: Any = service(actor=request.user, agent=found, reason=form.cleaned_data["reason"])
        return told_of_flight(request, found, verb, stopped if verb == "suspend" else [])
    context = {
        "agent": found,
        "verb": verb,
        "word": word,
        "form": form,
        "in_flight": queries.in_flight(found) if verb in ("suspend", "retire") else [],
    }
    return render(request, "registry/change.html", context, status=422 if form.errors else 200)


def told_of_flight(
    request: PersonRequest, agent: Agent, verb: str, stopped: list[InFlight]
) -> HttpResponse:
    done = {
        "suspend": "suspended",
        "resume": "resumed",
        "retire": "retired",
    }[verb]
    flight = ""
    if stopped:
        pieces = "piece" if len(stopped) == 1 else "pieces"
        flight = f" {len(stopped)} {pieces} of work in flight stopped: " + ", ".join(
            item.label for item in stopped[:NAMED]
        )
        flight += " and more." if len(stopped) > NAMED else "."
    return told(request, f"{agent.name} is {done}.{flight}", agent_url(agent))


NAMED = 3


def agent_url(agent: Agent) -> str:
    return reverse("registry:agent", args=[agent.slug])


@needs("agents.view")
def issue(request: PersonRequest, slug: str) -> HttpResponse:
    """Answers with the key itself, once; it is nowhere to be found afterwards."""
    found = queries.agent(request.user, slug)
    form = CredentialForm(request.POST or None)
    if request.method != "POST" or not form.is_valid():
        context = agent_context(request, found)
        context |= {"credential_form": form}
        return render(request, "registry/agent.html", context, status=422)
    credential, key = services.issue_credential(
        actor=request.user,
        agent=found,
        label=form.cleaned_data["label"],
        expires_at=form.expires_at(),
    )
    return key_shown(request, credential, key)


def key_shown(request: PersonRequest, credential: AgentCredential, key: str) -> HttpResponse:
    context = {"agent": credential.agent, "credential": credential, "key": key}
    response = render(request, "registry/key.html", context)
    response["Cache-Control"] = "no-store"
    return response


@needs("agents.view")
def end_credential(request: PersonRequest, slug: str, pk: int, verb: str) -> HttpResponse:
    """Rotates or revokes a key, by POST."""
    found = queries.agent(request.user, slug)
    credential = get_object_or_404(AgentCredential, pk=pk, agent=found)
    if request.method != "POST":
        return redirect("registry:agent", slug)
    if verb == "rotate":
        return key_shown(
            request, *services.rotate_credential(actor=request.user, credential=credential)
        )
    services.revoke_credential(
        actor=request.user, credential=credential, reason=request.POST.get("reason", "")
    )
    return told(request, "The key is revoked.", agent_url(found))


@needs("agents.view")
def revoke(request: PersonRequest, slug: str, pk: int) -> HttpResponse:
    found = queries.agent(request.user, slug)
    grant = get_object_or_404(Grant, pk=pk, agent=found)
    if request.method == "POST":
        services.revoke_grant(
            actor=request.user, grant=grant, reason=request.POST.get("reason", "")
        )
    return redirect("registry:agent", slug)


@needs("agents.view")
def tools(request: PersonRequest) -> HttpResponse:
    context = {
        "tools": Tool.objects.order_by("name"),
        "may_manage": holds(request.user, "tools.manage"),
    }
    return render(request, "registry/tools.html", context)


@needs("tools.manage")
def register_tool(request: PersonRequest) -> HttpResponse:
    form = ToolForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            made = services.register_tool(actor=request.user, spec=form.spec())
        except Invalid as error:
            add_errors(form, error)
        else:
            return redirect("registry:tool", made.name)
    status = 422 if form.errors else 200
    return render(request, "registry/register_tool.html", {"form": form}, status=status)


def add_errors(form: Form, error: Invalid) -> None:
    """Puts the service's refusal where the person was typing."""
    for name, sentences in error.fields.items():
        form.add_error(name if name in form.fields else None, sentences)
    if not error.fields:
        form.add_error(None, error.sentence)


@needs("tools.manage")
def lists(request: PersonRequest) -> HttpResponse:
    """The reference lists, and a form that writes one."""
    shown = ReferenceList.objects.filter(slug=request.GET.get("list", "")).first()
    initial = (
        {"slug": shown.slug, "title": shown.title, "values": "\n".join(shown.values)}
        if shown
        else None
    )
    form = ListForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        values = form.cleaned_data.pop("values").splitlines()
        saved = services.save_reference_list(actor=request.user, values=values, **form.cleaned_data)
        return told(request, f"{saved.title} is saved.", "registry:lists")
    context = {"lists": ReferenceList.objects.order_by("title"), "form": form, "shown": shown}
    return render(request, "registry/lists.html", context, status=422 if form.errors else 200)


@needs("agents.view")
def tool(request: PersonRequest, name: str) -> HttpResponse:
    found = queries.tool(request.user, name)
    grants = queries.live_grants().filter(tool=found).select_related("agent")
    return render(request, "registry/tool.html", {"tool": found, "grants": grants})
