"""What must be true of every page, route and model."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.conf import settings
from django.core.management import call_command
from django.db import models
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from apps.access.matrix import as_markdown
from apps.access.models import User
from apps.common.tracked import Tracked
from apps.pilots import catalogue

OPEN_TO_ALL = {"access:sign-in", "council:healthz"}
OPEN_TO_SIGNED_IN = {
    "access:sign-out",
    "access:preferences",
    "council:overview",
    "approvals:inbox",
    "approvals:pulse",
    "approvals:notices",
    "gateway:schema",
    "gateway:docs",
}
SAMPLES = {
    "slug": "nothing",
    "pk": "1",
    "number": "1",
    "name": "nothing",
    "label": "registry.agent",
    "old": "1",
    "new": "2",
    "verb": "second",
    "what": "seat",
}


def routes(
    patterns: Any = None, prefix: str = "/", namespace: str = ""
) -> Iterator[tuple[str, str]]:
    for entry in patterns if patterns is not None else get_resolver().url_patterns:
        place = prefix + str(entry.pattern)
        if isinstance(entry, URLResolver):
            inner = entry.namespace or namespace
            yield from routes(entry.url_patterns, place, inner)
        elif isinstance(entry, URLPattern):
            yield f"{namespace}:{entry.name}", place


def fill(route: str, samples: dict[str, str] = SAMPLES) -> str:
    def sample(found: re.Match[str]) -> str:
        kind, _, name = found.group(1).rpartition(":")
        if kind == "uuid":
            return samples.get("uuid", "00000000-0000-7000-8000-000000000000")
        return samples[name]

    return re.sub(r"<([^>]+)>", sample, route)


ALL_ROUTES = sorted((name, fill(route)) for name, route in routes())


@pytest.mark.parametrize(("name", "path"), ALL_ROUTES)
def test_every_route_refuses_who_is_not_signed_in(name: str, path: str, client: Client, db: None):
    if name in OPEN_TO_ALL:
        return
    for method in (client.get, client.post):
        response = method(path)
        refused = response.status_code in (401, 403, 405) or (
            response.status_code == 302 and response["Location"].startswith("/sign-in")
        )
        assert refused, f"{name} answered {response.status_code}"


@pytest.mark.parametrize(("name", "path"), ALL_ROUTES)
def test_every_route_shows_a_stranger_nothing(
    name: str, path: str, stranger: User, signed_in: Callable[[User], Client]
):
    if name in OPEN_TO_ALL | OPEN_TO_SIGNED_IN:
        return
    client = signed_in(stranger)
    for method in (client.get, client.post):
        assert method(path).status_code in (401, 403, 404, 405), name


def test_every_template_compiles_and_keeps_the_rules():
    call_command("lint_templates")


def test_the_access_matrix_document_is_the_matrix():
    written = Path(settings.BASE_DIR, "docs", "access-matrix.md").read_text()
    assert written == as_markdown(), "Run: python manage.py access_matrix --write"


RECORDS = {
    "access.User", "access.SignInFailure", "ledger.LedgerEvent", "ledger.PersonalText",
    "ledger.SealEntry", "ledger.Seal", "ledger.Checkpoint", "ledger.Cosignature",
    "ledger.Tombstone", "ledger.Verification", "audit.EvidencePack",
    "registry.AgentUserObjectPermission", "registry.CredentialUse", "registry.RegistryStamp",
    "policies.PolicyStamp", "policies.JudgedRequest", "policies.Backtest",
    "policies.BacktestFlip", "policies.BacktestStretch",
    "policies.ShadowFlip",
    "council.Motion", "council.Elector", "council.Declaration", "council.Ballot",
    "council.Comment", "council.Question", "council.Answer",
    "council.Measure", "council.Sitting", "council.Note",
    "approvals.QueueUserObjectPermission", "approvals.ApprovalRequest",
    "approvals.RequestCheckpoint", "approvals.Vote",
    "approvals.Snooze", "approvals.Look", "approvals.Notice", "approvals.Tie", "approvals.Edit",
    "approvals.Reopening", "approvals.Question", "approvals.Handover", "approvals.StandingUse",
    "approvals.Seed", "approvals.Exposure", "approvals.SecondLook",
    "approvals.SeenTrait", "approvals.Skipped", "approvals.Finding",
    "runtime.Session", "runtime.Action", "runtime.Effect", "runtime.Rate", "runtime.Circuit",
    "audit.TrailEntry", "audit.TrailState", "audit.SavedView",
    "runtime.BudgetUse", "runtime.Reservation",
    "audit.ReviewRound", "audit.ReviewItem", "audit.AuditorNote",
    "orchestration.Run", "orchestration.Step", "orchestration.Outbox",
    "orchestration.Pulse", "orchestration.Resource", "orchestration.Lease",
    "orchestration.FieldWrite",
    "incidents.Incident", "incidents.Lesson", "incidents.Link", "incidents.Note",
    "incidents.Finding",
    "incidents.Corrective", "incidents.Group", "incidents.Signal", "incidents.MessageTemplate",
    "incidents.Reading", "incidents.KeyDay", "incidents.Receipt", "incidents.Containment",
    "incidents.GroupingRule",
    "incidents.ImportedRun", "incidents.RegulatoryClock", "incidents.Report", "incidents.Review",
    "incidents.Rollback", "incidents.RollbackItem", "runtime.Process", "registry.BarrierClock",
    "readiness.Log", "readiness.Table", "readiness.Mapping", "readiness.Assessment",
    "readiness.Interview", "readiness.ReadinessStamp", "readiness.LiveMonth",
}  # fmt: skip
PILOTS = [name.rpartition(".")[2] for name in settings.PILOTS]
RECORDS_OF_PILOTS = {
    f"{pilot.slug}.{model}" for pilot in catalogue.pilots() for model in pilot.records
}


def own_models() -> list[type[models.Model]]:
    return [
        model
        for model in apps.get_models()
        if model.__module__.startswith("apps.") and not hasattr(model, "history_object")
    ]


def test_every_model_is_tracked_unless_it_is_a_record():
    untracked = {model._meta.label for model in own_models() if not issubclass(model, Tracked)}
    assert untracked == RECORDS | RECORDS_OF_PILOTS


def test_no_foreign_key_points_upward():
    order = [config.label for config in apps.get_app_configs() if config.name.startswith("apps.")]
    layers = ["common", "ledger", "access", "registry", "readiness", "policies", "approvals",
              "runtime", "orchestration", "gateway", "incidents", "audit", "pilots", *PILOTS,
              "council"]  # fmt: skip
    assert set(order) == set(layers)
    for model in own_models():
        for field in model._meta.get_fields():
            target = field.related_model if field.many_to_one or field.one_to_one else None
            if field.concrete and target is not None and target != "self":
                here, there = model._meta.app_label, target._meta.app_label
                if there in layers:
                    assert layers.index(there) <= layers.index(here), f"{model}.{field.name}"


def test_no_view_writes_to_the_database():
    writes = re.compile(r"\.(save|delete)\(|objects\b.*\.(\w*create\w*|\w*update)\(")
    apps_folder = Path(settings.BASE_DIR, "apps")
    for path in [*apps_folder.glob("*/views.py"), *apps_folder.glob("*/views/*.py")]:
        calls = [line for line in path.read_text().splitlines() if writes.search(line)]
        assert not calls, f"{path}: {calls}"


def test_bulk_writes_on_governed_models_are_refused(agent: Any):
    model = type(agent)
    with pytest.raises(TypeError):
        model.objects.filter(pk=agent.pk).update(name="x")
    with pytest.raises(TypeError):
        model.objects.bulk_create([])
    with pytest.raises(TypeError):
        agent.save(update_fields=["name"])


def test_a_page_that_asks_again_also_renews_the_state_in_its_head():
    for page in sorted(Path(settings.BASE_DIR, "templates").rglob("*.html")):
        text = page.read_text()
        head = text.find('class="page-head"')
        if "data-poll" not in text or "{% status" not in text[head:].partition("\n")[0]:
            continue
        assert 0 <= text.find("data-poll") < head, f"{page.name}: the head keeps an old state"
