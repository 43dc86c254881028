"""Acts that begin at the same moment, for tests of races."""

from __future__ import annotations

import threading
from collections.abc import Callable

from django.db import connection


def at_once(*acts: Callable[[], object], told: Callable[[BaseException], str]) -> list[str]:
    """Every act in a thread and on a connection of its own, started together; what each answered,
    or what `told` makes of its error."""
    start = threading.Barrier(len(acts))
    results: list[str] = []

    def run(act: Callable[[], object]) -> None:
        try:
            start.wait(timeout=30)
            results.append(str(act()))
        except Exception as error:  # noqa: BLE001 - shown by the assertions
            results.append(told(error))
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=[act]) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    return results
