from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.db import DatabaseError
from django.test import Client

from apps.common.clock import now
from apps.council.views import home
from apps.orchestration.models import Pulse
from apps.orchestration.services import sweep


@pytest.mark.django_db
def test_the_load_balancer_is_told_without_signing_in() -> None:
    answer = Client().get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"database": "ok", "sweep": "never"})
    sweep()
    assert Client().get("/healthz").json()["sweep"] == "ok"
    Pulse.objects.update(at=now() - dt.timedelta(minutes=3))
    assert Client().get("/healthz").json()["sweep"] == "silent"
    assert Client().post("/healthz").status_code == 405


@pytest.mark.django_db
def test_a_process_without_its_database_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone() -> Any:
        raise DatabaseError("gone")

    monkeypatch.setattr(home, "last_sweep", gone)
    answer = Client().get("/healthz")
    assert (answer.status_code, answer.json()) == (503, {"database": "unreachable"})
