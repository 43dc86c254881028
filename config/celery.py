"""Celery: a doorbell. Every state lives in the database (docs/architecture.md, "Durability")."""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib import import_module
from typing import Any

from celery import Celery
from celery.signals import worker_process_init, worker_process_shutdown
from kombu.transport import TRANSPORT_ALIASES

TRANSPORT_ALIASES["filesystem"] = "config.broker:Transport"
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("council")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()

_stops: list[Callable[[], None]] = []


@worker_process_init.connect
def process_began(**kwargs: Any) -> None:
    """Each process that carries out steps tells that it is alive, and which barriers it has
    seen."""
    processes = import_module("apps.runtime.processes")
    _stops.append(processes.start("worker"))


@worker_process_shutdown.connect
def process_ends(**kwargs: Any) -> None:
    for stop in _stops:
        stop()
