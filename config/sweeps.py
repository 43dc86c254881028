"""Several sweeps in one message. Each is idempotent, and none may keep another from running."""

from __future__ import annotations

import logging

from config.celery import app

log = logging.getLogger(__name__)


@app.task(name="config.sweeps.together")
def together(*names: str) -> None:
    for name in names:
        try:
            app.tasks[name]()
        except Exception:  # noqa: BLE001 - the others go on, and the next beat tries again
            log.exception("The sweep %s broke off.", name)
