"""Web, worker and beat in one command: each in its own process group, restarted when it dies,
and gone when this process is."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

PR_SET_PDEATHSIG = 1
LONGEST_PAUSE = 30.0
GRACE = 8.0


@dataclass
class Child:
    """One supervised program."""

    name: str
    command: list[str]
    process: subprocess.Popen[bytes] | None = None
    failures: int = 0
    due_at: float = 0.0
    started_at: float = field(default=0.0)

    def start(self) -> None:
        self.process = subprocess.Popen(  # noqa: S603 - our own commands
            self.command, start_new_session=True, preexec_fn=die_with_parent
        )
        self.started_at = time.monotonic()

    def tend(self) -> None:
        """Starts it when it is due, and plans the restart of one that died."""
        if self.process is None:
            if time.monotonic() >= self.due_at:
                self.start()
            return
        if self.process.poll() is None:
            return
        self.signal_group(signal.SIGKILL)
        lived = time.monotonic() - self.started_at
        self.failures = 0 if lived > LONGEST_PAUSE else self.failures + 1
        pause = min(LONGEST_PAUSE, 0.5 * 2**self.failures) if self.failures > 1 else 0.2
        print(f"{self.name} ended ({self.process.returncode}); starting it again.", flush=True)
        self.process, self.due_at = None, time.monotonic() + pause

    def signal_group(self, number: int) -> None:
        if self.process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, number)

    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None


def die_with_parent() -> None:
    """The kernel ends the child when the supervisor is gone, even by kill -9."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


class Command(BaseCommand):
    help = "Prepares the database and runs web, worker and beat until Ctrl-C."

    def handle(self, *args: Any, **options: Any) -> None:
        host, port = os.environ.get("HOST", "127.0.0.1"), int(os.environ.get("PORT", "8000"))
        refuse_taken(host, port)
        self.prepare()
        stop = Stop()
        children = [
            Child("web", web(host, port)),
            Child("worker", worker()),
            Child("beat", beat()),
        ]
        for child in children:
            child.start()
        self.announce(host, port)
        while not stop.asked:
            for child in children:
                child.tend()
            time.sleep(0.2)
        drain(children)

    def prepare(self) -> None:
        """Tables, the demonstration and the static files: each only when it is missing."""
        call_command("migrate", verbosity=0)
        if settings.DEMO:
            call_command("seed_demo", stdout=self.stdout)
        sources = newest(Path(settings.BASE_DIR) / "static")
        stamp = Path(settings.VAR_DIR) / "static.stamp"
        if not stamp.exists() or stamp.read_text() != sources:
            print("Collecting static files …", flush=True)
            call_command("collectstatic", interactive=False, clear=True, verbosity=0)
            stamp.write_text(sources)

    def announce(self, host: str, port: int) -> None:
        self.stdout.write(f"\nAgent Council runs at http://{host}:{port}/  (Ctrl-C stops it)")
        if settings.DEMO:
            from importlib import import_module

            demo = import_module("apps.access.demo")
            self.stdout.write(f"Everybody's password in the demonstration: {demo.PASSWORD}")
            for person in demo.people():
                self.stdout.write(f"  {person.username:10} {person.name:14} {person.what}")
            for pilot in import_module("apps.pilots.catalogue").pilots():
                if pilot.hint is not None:
                    self.stdout.write(pilot.hint())


class Stop:
    """Remembers that Ctrl-C or SIGTERM came."""

    def __init__(self) -> None:
        self.asked = False
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self.ask)

    def ask(self, number: int, frame: object) -> None:
        self.asked = True


def refuse_taken(host: str, port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            raise CommandError(f"Port {port} is taken; choose another with PORT=….") from None


def newest(folder: Path) -> str:
    """A text that changes when a static file does."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return "\n".join(f"{path.name} {path.stat().st_mtime_ns}" for path in files)


def web(host: str, port: int) -> list[str]:
    granian = str(Path(sys.executable).parent / "granian")
    return [granian, "--interface", "wsgi", "--host", host, "--port", str(port), "--workers", "1",
            "--blocking-threads", "4", "--backpressure", "64", "--no-ws", "--log-level", "warning",
            "config.wsgi:application"]  # fmt: skip


def celery(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "celery", "-A", "config", "--quiet", *arguments]


def worker() -> list[str]:
    return celery("worker", "--queues", "control,steps", "--concurrency", "2", "--without-gossip",
                  "--without-mingle", "--loglevel", "WARNING")  # fmt: skip


def beat() -> list[str]:
    schedule = str(Path(settings.VAR_DIR) / "beat")
    return celery("beat", "--loglevel", "WARNING", "--schedule", schedule, "--pidfile", "")


def drain(children: list[Child]) -> None:
    """Beat first, so that nothing new comes; then everything; then whatever is left, by force."""
    print("\nStopping …", flush=True)
    for child in reversed(children):
        child.signal_group(signal.SIGTERM)
    end = time.monotonic() + GRACE
    while time.monotonic() < end and any(child.running() for child in children):
        time.sleep(0.1)
    for child in children:
        child.signal_group(signal.SIGKILL)
