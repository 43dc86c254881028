from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse

from apps.access.guards import PersonRequest, needs
from apps.access.queries import holds
from apps.common import diffing
from apps.common.middleware import told
from apps.policies import queries, services
from apps.policies.forms import PolicyForm, ReasonForm
from apps.policies.models import Policy, PolicyVersion
from apps.policies.states import EVALUATED, VersionStatus


@needs("policies.view")
def policies(request: PersonRequest) -> HttpResponse:
    context = {
        "rows": queries.policies(request.user),
        "may_draft": holds(request.user, "policies.draft"),
    }
    return render(request, "policies/policies.html", context)


@needs("policies.view")
def policy(request: PersonRequest, slug: str) -> HttpResponse:
    found = queries.policy(request.user, slug)
    versions = queries.versions(found)
    shown = next((v for v in versions if v.status in EVALUATED), versions[0] if versions else None)
    context = {
        "policy": found,
        "versions": versions,
        "shown": shown,
        "rules": queries.rules_of(shown) if shown else [],
        "draft": next((v for v in versions if v.status == VersionStatus.DRAFT), None),
        "may_draft": holds(request.user, "policies.draft"),
        "may_activate": holds(request.user, "policies.activate"),
        "may_audit": holds(request.user, "audit.view"),
    }
    return render(request, "policies/policy.html", context)


@needs("policies.draft")
def create(request: PersonRequest) -> HttpResponse:
    form = PolicyForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        made = services.create_policy(actor=request.user, **form.cleaned_data)
        return redirect("policies:edit", made.slug)
    status = 422 if form.errors else 200
    return render(request, "policies/create.html", {"form": form}, status=status)


@needs("policies.draft")
def edit(request: PersonRequest, slug: str) -> HttpResponse:
    """The editor. `Check` only checks; `Save draft` saves, unless something is wrong."""
    found = queries.policy(request.user, slug)
    if request.method == "POST":
        return save(request, found, request.POST.get("text", ""))
    versions = queries.versions(found)
    text = versions[0].text if versions else ""
    return render(request, "policies/edit.html", {"policy": found, "text": text})


def save(request: PersonRequest, policy: Policy, text: str) -> HttpResponse:
    if "check" in request.POST:
        problems = services.check(text)
        context = {"policy": policy, "text": text, "problems": problems, "checked": True}
        return render(request, "policies/edit.html", context, status=422 if problems else 200)
    try:
        draft = services.save_draft(actor=request.user, policy=policy, text=text)
    except services.Unsaved as error:
        context = {"policy": policy, "text": text, "problems": error.problems}
        return render(request, "policies/edit.html", context, status=422)
    return told(request, f"Version {draft.number} is saved as a draft.", policy_url(policy))


def policy_url(policy: Policy) -> str:
    return reverse("policies:policy", args=[policy.slug])


@needs("policies.view")
def compare(request: PersonRequest, slug: str, old: int, new: int) -> HttpResponse:
    found = queries.policy(request.user, slug)
    before, after = queries.version(found, old), queries.version(found, new)
    context = {
        "policy": found,
        "before": before,
        "after": after,
        "lines": diffing.lines(before.text, after.text),
    }
    return render(request, "policies/compare.html", context)


@needs("policies.activate")
def activate(request: PersonRequest, slug: str, number: int) -> HttpResponse:
    found = queries.policy(request.user, slug)
    version = queries.version(found, number)
    form = ReasonForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        services.activate(actor=request.user, version=version, reason=form.cleaned_data["reason"])
        return told(request, f"{version} is in force.", policy_url(found))
    former = found.versions.filter(status__in=EVALUATED).first()
    return confirm(request, found, version, former, form)


def confirm(
    request: PersonRequest,
    policy: Policy,
    version: PolicyVersion,
    former: PolicyVersion | None,
    form: ReasonForm,
) -> HttpResponse:
    context = {
        "policy": policy,
        "version": version,
        "former": former,
        "lines": diffing.lines(former.text if former else "", version.text),
        "form": form,
    }
    status = 422 if form.errors else 200
    return render(request, "policies/activate.html", context, status=status)
