from __future__ import annotations

from typing import Any

import pytest
from django.db import DatabaseError
from django.test import Client

from apps.council.views import home


@pytest.mark.django_db
def test_the_load_balancer_is_told_without_signing_in() -> None:
    answer = Client().get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"database": "ok"})
    assert Client().post("/healthz").status_code == 405


@pytest.mark.django_db
def test_a_process_without_its_database_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone() -> Any:
        raise DatabaseError("gone")

    monkeypatch.setattr(home, "now", gone)
    answer = Client().get("/healthz")
    assert (answer.status_code, answer.json()) == (503, {"database": "unreachable"})
