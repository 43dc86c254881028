"""Goal 4: start, second start, a killed child, orphans, idle cost, and the first verdict."""

from __future__ import annotations

import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from django.conf import settings

from tests.bench.place import Row, folder

PAGE = 0.1


def at_rest(*, full: bool) -> list[Row]:
    with folder() as place:
        port = free_port()
        environment = {
            **os.environ,
            "COUNCIL_VAR_DIR": str(place),
            "COUNCIL_DEMO": "1",
            "COUNCIL_DATABASE_URL": "",
            "COUNCIL_SECRET_KEY": "bench",
            "PORT": str(port),
        }
        rows = [first_start(environment, port, place)]
        rows += second_start(environment, port, place, seconds=20 if full else 10)
        rows += idle({**environment, "COUNCIL_DEMO": "0"}, port, seconds=20 if full else 10)
    return rows


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def serve(environment: dict[str, str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "manage.py", "serve"],
        cwd=settings.BASE_DIR,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def waited(until: Callable[[], bool], patience: float = 90.0) -> float:
    start = time.monotonic()
    while not until():
        if time.monotonic() - start > patience:
            return float("inf")
        time.sleep(0.05)
    return time.monotonic() - start


def page_up(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/sign-in", timeout=2):  # noqa: S310
            return True
    except (OSError, urllib.error.URLError):
        return False


def asked(place: Path, question: str) -> int:
    with sqlite3.connect(place / "council.sqlite3", timeout=20) as link:
        return int(link.execute(question).fetchone()[0])


def first_start(environment: dict[str, str], port: int, place: Path) -> Row:
    """From an empty folder (packages installed) to a page and agents that have acted."""
    start = time.monotonic()
    process = serve(environment)
    waited(lambda: page_up(port))
    waited(lambda: asked(place, "select count(*) from runtime_action") > 0)
    seconds = time.monotonic() - start
    stop(process)
    return shown("4 first start: page and live agents", seconds, 60)


def second_start(environment: dict[str, str], port: int, place: Path, *, seconds: int) -> list[Row]:
    start = time.monotonic()
    process = serve(environment)
    waited(lambda: page_up(port))
    page = time.monotonic() - start
    done = "select count(*) from runtime_action"
    before = asked(place, done)
    waited(lambda: asked(place, done) > before)
    task = time.monotonic() - start
    verdict = first_verdict(place)
    back = killed_child(process, port)
    pids = family(process.pid)
    busy, memory = cost(pids, seconds)
    stop(process)
    left = [pid for pid in pids if alive(pid)]
    return [
        shown("4 second start: page", page, 3),
        shown("4 second start: first action of an agent", task, 5),
        shown("4 invoice dropped: first verdict", verdict, 2),
        shown("4 web process killed with -9: page again", back, 3),
        Row("4 orphans after the stop", len(left), 1, "0", not left, unit=""),
        Row("4 CPU with the demonstration's stream, share of a core", busy, 1, "shown",
            True, unit=""),
        Row("4 memory of everything", memory, 600, "< 600 MB", memory < 600, unit="MB"),
    ]  # fmt: skip


def idle(environment: dict[str, str], port: int, *, seconds: int) -> list[Row]:
    """The same with no work coming in."""
    process = serve(environment)
    waited(lambda: page_up(port))
    time.sleep(8)
    used, _memory = cost(family(process.pid), seconds)
    stop(process)
    return [Row("4 CPU at rest, share of a core", used, 1, "< 0.03", used < 0.03, unit="")]


def first_verdict(place: Path) -> float:
    """An invoice of our own dropped into the folder."""
    from apps.pilots.invoices.generator import invoice
    from tests.pilots.test_invoices import a_wanted

    question = (
        "select count(*) from runtime_action act join orchestration_run run on run.id = act.run_id"
        " where run.subject like '%bench.xml%'"
    )
    target = place / "invoices" / "in" / "bench.xml"
    target.write_bytes(invoice(a_wanted(number=f"B{time.time_ns()}")))
    old = time.time() - 1
    os.utime(target, (old, old))
    return waited(lambda: asked(place, question) > 0)


def killed_child(process: subprocess.Popen[bytes], port: int) -> float:
    web = [pid for pid in family(process.pid) if "granian" in words_of(pid)]
    for pid in web:
        os.kill(pid, signal.SIGKILL)
    time.sleep(0.1)
    return waited(lambda: page_up(port))


def words_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
    except OSError:
        return ""


def family(root: int) -> list[int]:
    """The process and everything below it."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                fields = (entry / "stat").read_text().rsplit(")", 1)[1].split()
            except OSError:
                continue
            parents.setdefault(int(fields[1]), []).append(int(entry.name))
    found, todo = [], [root]
    while todo:
        pid = todo.pop()
        found.append(pid)
        todo += parents.get(pid, [])
    return found


def cpu(pids: list[int]) -> dict[int, float]:
    """Seconds of processor time of each that is alive, by the scheduler's account: what lives in
    bursts shorter than a tick is missed, or counted whole, by the ticks."""
    found = {}
    for pid in pids:
        try:
            tasks = list(Path(f"/proc/{pid}/task").iterdir())
            spent = sum(int((task / "schedstat").read_text().split()[0]) for task in tasks)
        except OSError:
            continue
        found[pid] = spent / 1e9
    return found


def cost(pids: list[int], seconds: int) -> tuple[float, float]:
    """Share of a core over the time, and megabytes (shared pages counted once, by PSS)."""
    before = cpu(pids)
    time.sleep(seconds)
    after = cpu(pids)
    used = sum(after[pid] - spent for pid, spent in before.items() if pid in after) / seconds
    memory = 0
    for pid in pids:
        try:
            rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
        except OSError:
            continue
        memory += next(int(line.split()[1]) for line in rollup.splitlines() if "Pss:" in line)
    return used, memory / 1024


def alive(pid: int) -> bool:
    return bool(words_of(pid))


def stop(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGINT)
    try:
        process.wait(timeout=20)
    except subprocess.TimeoutExpired:
        process.kill()
    time.sleep(0.3)


def shown(recipe: str, seconds: float, limit: float) -> Row:
    return Row(recipe, seconds, limit, f"< {limit:g} s", seconds < limit, unit="s")
