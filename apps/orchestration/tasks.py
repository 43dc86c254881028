"""Celery's edge: fetch, call one service, answer. Retries live in the database."""

from __future__ import annotations

import os
import socket
import threading
import uuid

from celery import shared_task
from django.conf import settings
from django.db import connection

from apps.orchestration import services
from apps.orchestration.models import Step


@shared_task(name="apps.orchestration.tasks.perform")
def perform(step_id: str) -> None:
    worker = f"{socket.gethostname()}:{os.getpid()}"
    step = services.claim_step(uuid.UUID(step_id), worker)
    if step is None:
        return
    with Heartbeat(step):
        services.perform_step(step)


@shared_task(name="apps.orchestration.tasks.advance")
def advance(run_id: str) -> None:
    services.advance(uuid.UUID(run_id))


@shared_task(name="apps.orchestration.tasks.sweep")
def sweep() -> None:
    services.sweep()


@shared_task(name="apps.orchestration.tasks.sweep_processes")
def sweep_processes() -> None:
    """How runs end, told to the readiness of the process that they belong to."""
    services.tell_readiness()


class Heartbeat:
    """Renews the step's lease from a thread with its own connection, until the first refusal."""

    def __init__(self, step: Step) -> None:
        self.step = step
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=self.beat, daemon=True)

    def __enter__(self) -> Heartbeat:
        self.thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.stopped.set()

    def beat(self) -> None:
        try:
            while not self.stopped.wait(settings.COUNCIL["LEASE_SECONDS"] / 3):
                if not services.renew_lease(self.step.pk, self.step.fence):
                    return
        finally:
            connection.close()
