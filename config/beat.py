"""Celery's beat without its spin: it wakes ten milliseconds before something is due, and from then
on looks again and again without a pause. Once a second and more that is most of an idle
installation's processor time; here it sleeps over the moment, and is that much later."""

from __future__ import annotations

from typing import Any

from celery.beat import PersistentScheduler

PAUSE = 0.02


class Scheduler(PersistentScheduler):
    def tick(self, *args: Any, **kwargs: Any) -> float:
        """Seconds until the next look; 0 right after something was sent."""
        delay: float = super().tick(*args, **kwargs)
        return max(delay, PAUSE) if delay else 0.0
