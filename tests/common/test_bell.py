"""Workers are told that there is work, and a broker that is down costs nothing but the wait."""

from __future__ import annotations

from typing import Any

import pytest
from celery import current_app
from kombu.exceptions import OperationalError

from apps.common.bell import ring
from apps.common.tabular import csv_lines


def test_a_worker_is_told_as_often_as_asked(monkeypatch: pytest.MonkeyPatch):
    sent: list[tuple[str, Any, str]] = []
    monkeypatch.setattr(
        current_app, "send_task", lambda name, args, queue, retry: sent.append((name, args, queue))
    )
    assert ring("some.task", "4711", queue="control", times=2)
    assert sent == [("some.task", ["4711"], "control")] * 2


@pytest.mark.parametrize("error", [OperationalError("gone"), ConnectionRefusedError("gone")])
def test_a_broker_that_is_down_is_said_and_breaks_nothing(
    error: Exception, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    def refuse(*args: Any, **kwargs: Any) -> None:
        raise error

    monkeypatch.setattr(current_app, "send_task", refuse)
    assert ring("some.task", "4711") is False
    assert "The broker did not take a message: gone" in caplog.text


def test_a_table_comes_line_by_line_and_quotes_what_must_be_quoted():
    lines = csv_lines(("name", "of"), iter([("a,b", 1), ('say "x"', 2)]))
    assert next(lines) == "name,of\r\n"
    assert list(lines) == ['"a,b",1\r\n', '"say ""x""",2\r\n']
