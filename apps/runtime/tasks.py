from __future__ import annotations

from celery import shared_task

from apps.runtime import budgets
from apps.runtime.outside import ask_again, give_up_lost, go_on


@shared_task(name="apps.runtime.tasks.sweep")
def sweep() -> None:
    go_on()
    give_up_lost()
    budgets.sweep()
    ask_again()
