"""How much a reader takes, and what kind a file is."""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from apps.readiness.mining.results import LogRefused


@dataclass(frozen=True)
class Limits:
    """`unpacked` bytes a compressed file may grow to; `amplification` how many times its size."""

    file: int = 4_000_000_000
    unpacked: int = 20_000_000_000
    amplification: int = 200
    events: int = 20_000_000
    attributes: int = 200
    text: int = 10_000
    window: int = 32_000_000  # bytes between two events, all of which the parser holds
    document: int = 500_000_000  # a JSON file must fit into memory

    def check_file(self, path: Path) -> None:
        size = path.stat().st_size
        if not size:
            raise LogRefused("The file is empty.")
        if size > self.file:
            raise LogRefused(f"The file is larger than {self.file:,} bytes.")

    def check_events(self, number: int) -> None:
        if number > self.events:
            raise LogRefused(f"The log holds more than {self.events:,} events; give a part of it.")


class Unpacked:
    """A gzip stream that stops where it grows beyond what an honest log would."""

    FREE = 64_000_000

    def __init__(self, path: Path, limits: Limits) -> None:
        self.file: IO[bytes] = path.open("rb")
        self.stream = gzip.GzipFile(fileobj=self.file)
        self.limits, self.got = limits, 0

    def read(self, size: int = -1) -> bytes:
        try:
            chunk = self.stream.read(min(size, 1 << 20) if size > 0 else 1 << 20)
        except (OSError, EOFError) as error:
            raise LogRefused(f"The compressed file is damaged: {error}") from error
        self.got += len(chunk)
        taken = max(1, self.file.tell())
        if self.got > self.limits.unpacked or (
            self.got > self.FREE and self.got > self.limits.amplification * taken
        ):
            raise LogRefused("The file unpacks to far more than an event log would.")
        return chunk

    def close(self) -> None:
        self.stream.close()
        self.file.close()


class Window:
    """A stream that stops where too much comes without an event; its reader resets `since`."""

    def __init__(self, stream: Any, limits: Limits) -> None:
        self.stream, self.limits, self.since = stream, limits, 0

    def read(self, size: int = -1) -> bytes:
        chunk: bytes = self.stream.read(min(size, 1 << 20) if size > 0 else 1 << 20)
        self.since += len(chunk)
        if self.since > self.limits.window:
            raise LogRefused(f"More than {self.limits.window:,} bytes hold no event.")
        return chunk


def kind_of(path: Path, name: str = "") -> str:
    """csv, xes, xes.gz, ocel.json, ocel.sqlite or ocel.xml: by the content, then the name."""
    with path.open("rb") as file:
        head = file.read(4096)
    if head.startswith(b"\x1f\x8b"):
        return "xes.gz"
    if head.startswith(b"SQLite format 3\x00"):
        return "ocel.sqlite"
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    if text.startswith(b"<") or head.startswith((b"\xff\xfe<\x00", b"\xfe\xff\x00<")):
        return "ocel.xml" if ocel_inside(path) else "xes"
    if text.startswith((b"{", b"[")) and not name.lower().endswith(".csv"):
        return "ocel.json"
    return "csv"


def ocel_inside(path: Path) -> bool:
    """An OCEL file declares its object types first."""
    with path.open("rb") as file:
        head = file.read(65_536)
    return b"<object-types" in head or b"<objects" in head or b"<event-types" in head
