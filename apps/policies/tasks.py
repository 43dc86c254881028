"""Celery's edge: backtests, a stretch at a time, so that no task runs into its time limit."""

from __future__ import annotations

import uuid

from celery import shared_task

from apps.policies import backtests, replay


@shared_task(name="apps.policies.tasks.backtest")
def backtest(pk: str) -> None:
    if replay.work_on(uuid.UUID(pk)):
        backtest.delay(pk)


@shared_task(name="apps.policies.tasks.sweep")
def sweep() -> None:
    for pk in backtests.due():
        backtests.call(pk)
