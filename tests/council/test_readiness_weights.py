"""How much the dimensions of readiness count: by the council's motion only."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from apps.access.models import Department, User
from apps.common.clock import now
from apps.common.errors import Conflict, Invalid, NotPermitted
from apps.council.models import Motion
from apps.council.services import motions, proposals, sweeps
from apps.ledger.models import LedgerEvent
from apps.readiness.mining.results import Dimension, Gate, as_json
from apps.readiness.mining.score import score
from apps.readiness.mining.weights import WEIGHTS, problem
from apps.readiness.models import Assessment, Process, Weights
from apps.readiness.queries.weights import in_force, rescored
from apps.readiness.services.weights import set_weights
from tests.council.support import Council, closed, over, vote

OTHER = {**WEIGHTS, "rules": 0.12, "owner": 0.15}


@pytest.fixture
def measured(department: Department, owner: User) -> Callable[..., Assessment]:
    def measure(slug: str, *, number: int = 1, lawful: bool = True, **values: float) -> Assessment:
        process, _ = Process.objects.get_or_create(
            slug=slug,
            defaults={
                "name": slug.capitalize(), "department": department, "created_at": now(),
            },
        )  # fmt: skip
        dimensions = [
            Dimension(name, value, max(0.0, value - 0.02), min(1.0, value + 0.02), "A")
            for name in WEIGHTS
            for value in [values.get(name, 0.7)]
        ]
        found = score(dimensions, [Gate("lawful", lawful, "")])
        row = Assessment(
            process=process, number=number, status="ready", digest="x", asked_by_id=owner.pk,
            asked_by_label="Owner", created_at=now(), results={"score": as_json(found)},
            readiness=found.readiness, low=found.low, high=found.high, level=found.level,
        )  # fmt: skip
        row.save()
        return row

    return measure


def through(motion: Motion, council: Council) -> None:
    motions.second(actor=council["security"], motion=motion)
    over(motion, "comment_ends_at")
    sweeps.sweep()
    motion.refresh_from_db()
    for user in council.values():
        vote(motion, user)
    closed(motion)
    over(motion, "effective_at")
    sweeps.sweep()
    motion.refresh_from_db()


@pytest.mark.django_db
def test_other_weights_come_into_force_by_a_motion_and_stay_on_record(
    base: Any, council: Council, measured: Callable[..., Assessment]
) -> None:
    row = measured("invoices", rules=0.3, owner=1.0)
    motion = proposals.propose_weights(
        actor=council["chair"], values=OTHER, rationale="Owners matter more than we thought."
    )
    assert (motion.klass, in_force()) == ("significant", WEIGHTS)
    through(motion, council)
    assert motion.status == "effective"
    assert in_force() == OTHER
    assert Weights.objects.get().motion == motion.reference
    event = LedgerEvent.objects.get(type="readiness.weights_set")
    for told, values in ((event.before, WEIGHTS), (event.after, OTHER)):
        assert {name: float(each) for name, each in told.items()} == values
    row.refresh_from_db()
    assert f"{row.readiness:.4f}" == motion.packet["processes"][0]["before"]


@pytest.mark.django_db
def test_members_see_what_it_does_to_every_measured_process(
    base: Any,
    council: Council,
    measured: Callable[..., Assessment],
    signed_in: Callable[[User], Client],
) -> None:
    measured("invoices", rules=0.3, owner=1.0)
    measured("vendors", number=2, rules=0.9, owner=0.1)
    measured("tickets", number=3, lawful=False)
    motion = proposals.propose_weights(actor=council["chair"], values=OTHER, rationale="Owners.")
    by_slug = {each["slug"]: each for each in motion.packet["processes"]}
    assert list(by_slug) == ["invoices", "tickets", "vendors"]
    better, worse = by_slug["invoices"], by_slug["vendors"]
    assert float(better["after"]) > float(better["before"])
    assert float(worse["after"]) < float(worse["before"])
    expected = 1.0
    for name, weight in OTHER.items():
        expected *= {"rules": 0.3, "owner": 1.0}.get(name, 0.7) ** weight
    assert better["after"] == f"{expected:.4f}"
    assert (by_slug["tickets"]["blocked"], by_slug["tickets"]["level_after"]) == (True, 1)
    shown = signed_in(council["chair"]).get(f"/decisions/M-{motion.number}").content.decode()
    assert "What it does to the score of every process" in shown
    assert f"{float(better['after']):.3f}" in shown
    assert "Rules: how far recorded facts decide what follows" in shown


@pytest.mark.django_db
def test_a_motion_by_which_a_process_would_rise_may_be_vetoed(
    base: Any, council: Council, measured: Callable[..., Assessment]
) -> None:
    measured("invoices", rules=0.2, owner=1.0)
    (found,) = rescored(OTHER)
    assert found.level_after > found.level_before
    motion = proposals.propose_weights(actor=council["chair"], values=OTHER, rationale="Owners.")
    assert motion.loosens
    assert motion.packet["looser"]


@pytest.mark.django_db
def test_only_the_newest_whole_measurement_counts(measured: Callable[..., Assessment]) -> None:
    measured("invoices", rules=0.3)
    part = measured("invoices", number=2, rules=0.9)
    Assessment.objects.filter(pk=part.pk).update(since=now())
    assert [each.assessment for each in rescored(OTHER)] == ["RA-1"]
    newest = measured("invoices", number=3, rules=0.9)
    assert [each.assessment for each in rescored(OTHER)] == [newest.reference]


@pytest.mark.django_db
def test_what_are_no_weights_is_refused_and_so_is_no_change(
    base: Any, council: Council, stranger: User
) -> None:
    def propose(values: dict[str, float], actor: User = council["chair"]) -> Motion:
        return proposals.propose_weights(actor=actor, values=values, rationale="Why not.")

    for values in ({**OTHER, "owner": 0.5}, {**OTHER, "rules": -0.12, "data": 0.42}, {"rules": 1}):
        with pytest.raises(Invalid):
            propose(values)
        with pytest.raises(Invalid):
            set_weights(values=values, motion="M-1")
    with pytest.raises(Invalid):
        propose(dict(WEIGHTS))
    with pytest.raises(NotPermitted):
        propose(OTHER, stranger)
    propose(OTHER)
    with pytest.raises(Conflict):
        propose({**OTHER, "rules": 0.22, "owner": 0.05, "data": 0.28, "conform": 0.03})


@pytest.mark.django_db
def test_the_form_begins_with_the_weights_as_they_stand(
    base: Any, council: Council, signed_in: Callable[[User], Client]
) -> None:
    page = signed_in(council["chair"])
    path = "/decisions/propose/weights"
    shown = page.get(path).content.decode()
    assert 'value="0.22"' in shown
    wrong = {**OTHER, "owner": 0.5, "rationale": "Owners."}
    refused = page.post(path, wrong)
    assert refused.status_code == 422
    assert "must come to 1" in refused.content.decode()
    done = page.post(path, {**OTHER, "rationale": "Owners."})
    assert done.status_code == 302
    assert Motion.objects.get().payload == {"weights": OTHER}


def test_the_weights_bring_no_polars_into_a_page() -> None:
    code = (
        "import sys, apps.readiness.mining.weights as light; "
        "print('polars' in sys.modules, len(light.WEIGHTS))"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.split() == ["False", "8"]


@given(st.lists(st.integers(0, 1000), min_size=8, max_size=8))
def test_weights_are_weights_only_where_they_come_to_one(parts: list[int]) -> None:
    values = dict(zip(WEIGHTS, (each / 1000 for each in parts), strict=True))
    assert (problem(values) == "") == (sum(parts) == 1000)


@given(st.lists(st.integers(0, 9), min_size=8, max_size=8).filter(any))
def test_a_dimension_may_be_left_out(parts: list[int]) -> None:
    weights = {name: each / sum(parts) for name, each in zip(WEIGHTS, parts, strict=True)}
    dimensions = [Dimension(name, 0.6, 0.5, 0.7, "A") for name in WEIGHTS]
    found = score(dimensions, (), weights)
    assert found.low <= found.readiness <= found.high
    assert found.robust_low == found.robust_low
