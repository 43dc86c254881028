"""The product's Celery app with the bench's tool, workflow and bare task."""

from __future__ import annotations

import django

from config.celery import app

django.setup()

from tests.bench import runs  # noqa: E402 - after Django is ready

runs.prepare()
__all__ = ["app"]
