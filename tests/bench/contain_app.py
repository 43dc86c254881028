"""The product's Celery app with the slow tool and the endless workflow of `contain`."""

from __future__ import annotations

import django

from config.celery import app

django.setup()

from tests.bench import contain  # noqa: E402 - after Django is ready

contain.prepare()
__all__ = ["app"]
