from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from apps.access.guards import PersonRequest, needs
from apps.access.queries import holds
from apps.common import diffing
from apps.common.clock import now
from apps.common.csp import drawing_charts
from apps.common.errors import Absent, Invalid
from apps.common.figures import stacked_bars
from apps.common.middleware import told
from apps.policies import backtests, builder, proof, queries, services
from apps.policies.analysis.report import broken_claims
from apps.policies.bench import specs
from apps.policies.forms import BacktestForm, CaseForm, PolicyForm, Slots, sentence_from
from apps.policies.models import Backtest, Policy, PolicyCase, PolicyVersion
from apps.policies.states import EVALUATED, VersionStatus
from apps.policies.text import Problem


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
    rules = queries.rules_of(shown) if shown else []
    idle = queries.idle_tools(rules)
    context = {
        "policy": found,
        "versions": versions,
        "shown": shown,
        "rules": [(each, idle.get(each.rule.rule_id)) for each in rules],
        "draft": next((v for v in versions if v.status == VersionStatus.DRAFT), None),
        "may_draft": holds(request.user, "policies.draft"),
        "may_propose": holds(request.user, "council.propose"),
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
    return render_editor(request, found, queries.newest_text(found))


def render_editor(
    request: PersonRequest,
    policy: Policy,
    text: str,
    problems: Sequence[Problem] = (),
    *,
    checked: bool = False,
) -> HttpResponse:
    context = {
        "policy": policy,
        "text": text,
        "problems": problems,
        "marks": [(problem.line, problem.sentence) for problem in problems],
        "words": queries.words_to_complete(),
        "checked": checked,
    }
    return render(request, "policies/edit.html", context, status=422 if problems else 200)


def save(request: PersonRequest, policy: Policy, text: str) -> HttpResponse:
    if "check" in request.POST:
        return render_editor(request, policy, text, services.check(text), checked=True)
    try:
        draft = services.save_draft(actor=request.user, policy=policy, text=text)
    except services.Unsaved as error:
        return render_editor(request, policy, text, error.problems)
    return told(request, f"Version {draft.number} is saved as a draft.", proof_url(draft))


@needs("policies.view")
def compare(request: PersonRequest, slug: str, old: int, new: int) -> HttpResponse:
    found = queries.policy(request.user, slug)
    before, after = queries.version(found, old), queries.version(found, new)
    context = {
        "policy": found,
        "before": before,
        "after": after,
        "lines": diffing.lines(before.text, after.text),
        "report": proof.comparison(before, after),
    }
    return render(request, "policies/compare.html", context)


@needs("policies.view")
def proof_page(request: PersonRequest, slug: str, number: int) -> HttpResponse:
    """What a version would do, before anybody votes on it."""
    found = queries.policy(request.user, slug)
    version = queries.version(found, number)
    return render_proof(request, version)


def render_proof(
    request: PersonRequest, version: PolicyVersion, case_form: CaseForm | None = None
) -> HttpResponse:
    report = proof.analysis(version)
    claim = proof.claim_of(version)
    results, fresh = proof.case_results(version), proof.fresh_backtest(version)
    broken = broken_claims(claim, report["changes"])
    context: dict[str, Any] = {
        "policy": version.policy,
        "version": version,
        "base": proof.base_of(version),
        "report": report,
        "claim": claim,
        "broken": broken,
        "results": results,
        "backtests": queries.backtests(version),
        "fresh": fresh,
        "shadow": queries.shadow_flips(version),
        "obstacles": proof.obstacles_in(version, results, broken, fresh),
        "backtest_form": BacktestForm(),
        "case_form": case_form or CaseForm(),
        "tools": sorted(specs()),
        "is_draft": version.status == VersionStatus.DRAFT,
        "may_draft": holds(request.user, "policies.draft"),
        "may_propose": holds(request.user, "council.propose"),
    }
    status = 422 if case_form is not None and case_form.errors else 200
    return render(request, "policies/proof.html", context, status=status)


@needs("policies.draft")
@require_POST
def claim(request: PersonRequest, slug: str, number: int) -> HttpResponse:
    version = queries.version(queries.policy(request.user, slug), number)
    services.state_claim(
        actor=request.user,
        version=version,
        looser="looser" in request.POST,
        stricter="stricter" in request.POST,
        tools=[name for name in request.POST.getlist("tools") if name in specs()],
    )
    return told(request, "The claim is recorded and checked.", proof_url(version))


@needs("policies.draft")
@require_POST
def shadow(request: PersonRequest, slug: str, number: int) -> HttpResponse:
    version = queries.version(queries.policy(request.user, slug), number)
    on = request.POST.get("on") == "1"
    services.set_shadow(actor=request.user, version=version, on=on)
    words = "It runs beside what is in force." if on else "It does not run in shadow any more."
    return told(request, words, proof_url(version))


@needs("policies.draft")
@require_POST
def start_backtest(request: PersonRequest, slug: str, number: int) -> HttpResponse:
    version = queries.version(queries.policy(request.user, slug), number)
    form = BacktestForm(request.POST)
    if not form.is_valid():
        raise Invalid("Choose 1 to 3,660 days and at most 5,000,000 actions.")
    row = backtests.start_backtest(actor=request.user, version=version, **form.cleaned_data)
    return redirect("policies:backtest", slug, row.pk)


@needs("policies.view")
def backtest(request: PersonRequest, slug: str, pk: uuid.UUID) -> HttpResponse:
    """Progress while it runs, the report afterwards. The page asks for itself while it runs."""
    found = queries.policy(request.user, slug)
    row = get_object_or_404(
        Backtest.objects.select_related("version"), pk=pk, version__policy=found
    )
    pair = request.GET.get("pair", "")
    flips = queries.flips(row, pair, request.GET.get("after", ""))
    context = {
        "policy": found,
        "backtest": row,
        "running": row.status in ("queued", "running"),
        "hours": backtests.review_hours(row.summary),
        "flips": flips[: queries.FLIPS],
        "older": flips[queries.FLIPS - 1].pk if len(flips) > queries.FLIPS else None,
        "pair": pair,
        "out_of_date": row.text_digest != row.version.digest
        or row.base_digest != backtests.base_digest(),
        "figure": stacked_bars(
            row.summary.get("by_pair", {}), across="Action", up="Decided otherwise"
        ),
        "may_draft": holds(request.user, "policies.draft"),
    }
    return drawing_charts(render(request, "policies/backtest.html", context))


@needs("policies.view")
def judged(request: PersonRequest, pk: uuid.UUID) -> HttpResponse:
    """A recorded request: what was judged, and how."""
    context = {"judged": queries.judged(request.user, pk)}
    return render(request, "policies/judged.html", context)


@needs("policies.draft")
@require_POST
def cancel_backtest(request: PersonRequest, slug: str, pk: uuid.UUID) -> HttpResponse:
    found = queries.policy(request.user, slug)
    row = get_object_or_404(Backtest, pk=pk, version__policy=found)
    backtests.cancel_backtest(actor=request.user, backtest=row)
    return told(request, "The backtest stops.", reverse("policies:backtest", args=[slug, pk]))


@needs("policies.draft")
@require_POST
def add_case(request: PersonRequest, slug: str, number: int) -> HttpResponse:
    version = queries.version(queries.policy(request.user, slug), number)
    form = CaseForm(request.POST)
    if not form.is_valid():
        return render_proof(request, version, form)
    services.save_case(
        actor=request.user,
        policy=version.policy,
        name=form.cleaned_data["name"],
        request=form.request(now()),
        expected=form.cleaned_data["expected"],
    )
    return told(request, "The test is stored with the policy.", proof_url(version))


@needs("policies.draft")
@require_POST
def save_boundaries(request: PersonRequest, slug: str, number: int) -> HttpResponse:
    version = queries.version(queries.policy(request.user, slug), number)
    saved = services.save_boundaries(actor=request.user, version=version)
    words = f"{saved} tests hold what this version decides on both sides of its limits."
    return told(request, words, proof_url(version))


@needs("policies.draft")
@require_POST
def remove_case(request: PersonRequest, slug: str, number: int, pk: int) -> HttpResponse:
    version = queries.version(queries.policy(request.user, slug), number)
    case = get_object_or_404(PolicyCase, pk=pk, policy=version.policy)
    services.remove_case(
        actor=request.user, case=case, reason=request.POST.get("reason", "") or "Not needed."
    )
    return told(request, "The test is removed.", proof_url(version))


def proof_url(version: PolicyVersion) -> str:
    return reverse("policies:proof", args=[version.policy.slug, version.number])


@needs("policies.draft")
def rule(request: PersonRequest, slug: str) -> HttpResponse:
    """The rule builder: a sentence with slots, and beside it the Cedar text that it becomes."""
    found = queries.policy(request.user, slug)
    text = queries.newest_text(found)
    data = request.POST if request.method == "POST" else request.GET
    known = specs()
    if "rule_id" in data:
        sentence = sentence_from(data, attributes_for(data.get("does", "any"), known))
    else:
        sentence = opened_sentence(data, text, known)
    attributes = attributes_for(sentence.does, known)
    problem, cedar = "", ""
    try:
        cedar = builder.compiled(sentence, attributes)
    except builder.Unfinished as error:
        problem = str(error)
    if request.method == "POST" and "save" in data and cedar:
        return put_rule(request, found, text, sentence, cedar)
    slots = Slots(list(attributes.values()), queries.checkpoint_names())
    context = {
        "policy": found,
        "sentence": sentence,
        "slots": slots,
        "rows": slots.rows(sentence),
        "agents": slots.agents(),
        "actions": slots.actions(),
        "cedar": cedar,
        "problem": problem,
        "posted": request.method == "POST",
        "lost": [each.path for each in sentence.conditions if each.path not in attributes],
        "templates": [(name, title) for name, (title, _) in builder.TEMPLATES.items()],
    }
    status = 422 if request.method == "POST" and problem else 200
    return render(request, "policies/rule.html", context, status=status)


def attributes_for(does: str, known: dict[str, Any]) -> dict[str, builder.Attribute]:
    kind, _, name = does.partition(":")
    chosen = [
        spec
        for spec in known.values()
        if kind == "any" or name == (spec.name if kind == "tool" else spec.effect)
    ]
    return {each.path: each for each in builder.attributes_of(chosen)}


def opened_sentence(data: Any, text: str, known: dict[str, Any]) -> builder.Sentence:
    """A template, a rule of the text that can be read back, or an empty sentence."""
    if name := data.get("template", ""):
        if name not in builder.TEMPLATES:
            raise Absent
        return builder.TEMPLATES[name][1]
    if name := data.get("edit", ""):
        found = builder.rule_named(text, name)
        read = found and builder.read_back(found[0], attributes_for(found[1], known))
        if not read:
            raise Invalid("This rule says more than the builder can; edit its text.")
        return read
    return builder.Sentence("", "")


def put_rule(
    request: PersonRequest, policy: Policy, text: str, sentence: builder.Sentence, cedar: str
) -> HttpResponse:
    placed = builder.placed(text, cedar, sentence.rule_id)
    draft = services.save_draft(actor=request.user, policy=policy, text=placed)
    words = f"The rule {sentence.rule_id} is in the draft, version {draft.number}."
    return told(request, words, proof_url(draft))
