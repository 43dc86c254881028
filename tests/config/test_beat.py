"""Beat sends what is due, and does not spin while it waits for it."""

from __future__ import annotations

import itertools
import time
from pathlib import Path

from celery import Celery

from config.beat import PAUSE, Scheduler


def test_it_sends_on_time_and_looks_seldom(tmp_path: Path) -> None:
    app = Celery("test", broker="memory://")
    app.conf.beat_schedule = {"often": {"task": "nothing", "schedule": 0.3}}
    sent: list[float] = []
    scheduler = Scheduler(app, schedule_filename=str(tmp_path / "beat"))
    scheduler.apply_async = lambda *a, **k: sent.append(time.monotonic())  # type: ignore[method-assign]
    looks, begun = 0, time.monotonic()
    while time.monotonic() < begun + 1.5:
        looks += 1
        time.sleep(scheduler.tick())
    scheduler.close()
    assert 2 <= len(sent) <= 5
    gaps = [after - before for before, after in itertools.pairwise(sent)]
    assert all(gap >= 0.3 - PAUSE for gap in gaps)
    assert looks <= 25
