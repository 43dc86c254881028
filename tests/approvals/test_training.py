"""Who may decide at which risk: by a record that runs out, that misses lower and training lifts."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from apps.access.models import User
from apps.approvals import queries, services
from apps.approvals.models import Exposure, Notice, Seed, TrainingRecord
from apps.approvals.services import vigilance
from apps.approvals.services.training import lower
from apps.common.clock import now
from apps.common.errors import Conflict, Invalid, NotPermitted
from apps.ledger.models import LedgerEvent
from tests.approvals.conftest import Ask
from tests.approvals.test_vigilance import (  # noqa: F401
    answer,
    exposure_of,
    past,
    ready,
    shown_to,
    template,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def required(settings: Any) -> None:
    settings.COUNCIL = {**settings.COUNCIL, "TRAINING_REQUIRED": True}


def trained(user: User, risk: str = "medium", days: int = 30) -> TrainingRecord:
    return services.record_training(
        actor=None, user=user, most_risk=risk, course="Oversight", days=days
    )


def afresh(user: User) -> User:
    return User.objects.get(pk=user.pk)


def test_without_a_record_nobody_decides(required: None, question: Ask, approver: User) -> None:
    request = question(risk="medium")
    assert request not in queries.open_for(approver)
    assert "training" in queries.why_not(approver, request)
    with pytest.raises(NotPermitted, match="training"):
        answer(approver, request)
    trained(approver)
    assert answer(afresh(approver), request).status == "approved"


def test_a_record_covers_its_risk_and_what_is_below(
    required: None, question: Ask, approver: User
) -> None:
    trained(approver, "medium")
    found = {risk: question(risk=risk, intent_digest=risk[0] * 64) for risk in ("low", "high")}
    person = afresh(approver)
    assert found["low"] in queries.open_for(person)
    assert found["high"] not in queries.open_for(person)
    assert approver.pk not in queries.needs_of(found["high"])[0].eligible
    assert approver.pk in queries.needs_of(found["low"])[0].eligible


def test_a_record_that_has_run_out_covers_nothing(
    required: None, question: Ask, approver: User
) -> None:
    row = trained(approver)
    row.starts_at, row.expires_at = now() - dt.timedelta(days=2), now() - dt.timedelta(days=1)
    row.save()
    assert queries.trained_for(afresh(approver)) == frozenset()
    assert approver in queries.untrained()


def test_the_setting_switches_the_gate_off(question: Ask, approver: User) -> None:
    assert question(risk="high") in queries.open_for(approver)


def test_nobody_records_their_own_and_not_everybody_records(
    administrator: User, approver: User
) -> None:
    fields: dict[str, Any] = {"most_risk": "low", "course": "Oversight", "days": 30}
    with pytest.raises(NotPermitted):
        services.record_training(actor=approver, user=administrator, **fields)
    with pytest.raises(NotPermitted, match="their own"):
        services.record_training(actor=administrator, user=administrator, **fields)
    for changes in ({"days": 0}, {"course": " "}, {"most_risk": "none"}):
        with pytest.raises(Invalid):
            services.record_training(actor=administrator, user=approver, **{**fields, **changes})


def test_two_misses_of_five_take_a_risk_and_training_gives_it_back(
    ready: Seed,  # noqa: F811
    required: None,
    approver: User,
) -> None:
    trained(approver, "high")
    for _ in range(2):
        answer(afresh(approver), shown_to(afresh(approver)))
    assert TrainingRecord.objects.get(ended_at=None).most_risk == "medium"
    assert queries.trained_for(afresh(approver)) == {"low", "medium"}
    event = LedgerEvent.objects.get(type="training.lowered")
    assert event.after == {"most_risk": "medium"}
    assert Notice.objects.filter(user=approver, urgent=True).exists()
    trained(approver, "high")
    assert "high" in queries.trained_for(afresh(approver))


def test_the_lowest_risk_is_taken_too(approver: User) -> None:
    trained(approver, "low")
    assert lower(user=approver, reason="Missed") is not None
    assert not TrainingRecord.objects.filter(ended_at=None).exists()
    assert lower(user=approver, reason="Missed") is None


def test_a_right_answer_lowers_nothing(
    ready: Seed,  # noqa: F811
    approver: User,
) -> None:
    trained(approver, "high")
    exposure_of(ready, approver, right=False)
    for _ in range(2):
        request = vigilance.mix_in(user=approver, lot=0)
        assert request is not None
        answer(approver, request.request, "reject")
    assert Exposure.objects.filter(right=True).count() == 2
    assert TrainingRecord.objects.get().most_risk == "high"


def test_records_are_kept_on_their_page(
    administrator: User, approver: User, signed_in: Callable[[User], Client]
) -> None:
    page = signed_in(administrator)
    fields = {"user": approver.pk, "most_risk": "high", "course": "Oversight", "days": 90}
    assert page.post("/inbox/training", {**fields, "days": 0}).status_code == 422
    assert page.post("/inbox/training", fields).status_code == 302
    assert b"Oversight" in page.get("/inbox/training").content
    row = TrainingRecord.objects.get()
    page.post(f"/inbox/training/{row.pk}/end", {"reason": "Left the desk"})
    row.refresh_from_db()
    assert row.ended_at is not None
    with pytest.raises(Conflict):
        services.end_training(actor=administrator, training=row, reason="Again")
    assert signed_in(approver).get("/inbox/training").status_code == 404
