"""XES (IEEE 1849) by streaming: one event in memory at a time, columns as they come."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl

from apps.readiness.mining.events import Faults, Progress, build, checked
from apps.readiness.mining.readers import moments
from apps.readiness.mining.readers.limits import Limits, Unpacked, Window, kind_of
from apps.readiness.mining.results import EventLog, LogRefused

CHUNK = 100_000
KNOWN = {
    "concept:name": "activity",
    "time:timestamp": "at_text",
    "org:resource": "resource",
    "org:group": "team",
    "cost:total": "cost",
    "system": "system",
    "start_timestamp": "start_text",
}
VALUES = {"string", "date", "int", "float", "boolean", "id"}


def read(path: Path, limits: Limits, progress: Progress | None) -> EventLog:
    """All events of all traces, whatever their life-cycle transition. Attributes of a trace become
    `case:…` columns."""
    faults = Faults()
    chunks: list[pl.DataFrame] = []
    for frame, share, events in chunked(path, limits):
        chunks.append(typed(frame, faults))
        if progress:
            progress(min(0.95, share), events)
    if not chunks:
        raise LogRefused("The file holds no event.")
    frame = pl.concat(chunks, how="diagonal", rechunk=True)
    traces = [name for name in frame.columns if name.startswith("case:")]
    log = build(frame, faults, keep=traces)
    if progress:
        progress(1.0, log.events)
    return log


def chunked(path: Path, limits: Limits) -> Iterator[tuple[pl.DataFrame, float, int]]:
    from lxml import etree

    packed = kind_of(path) == "xes.gz"
    inner: Any = Unpacked(path, limits) if packed else path.open("rb")
    raw = inner.file if packed else inner
    source = Window(inner, limits)
    size, events = path.stat().st_size, 0
    columns = Columns(limits)
    try:
        for line, attributes, case in events_of(parsing(etree, source)):
            columns.add(line, attributes, case)
            source.since = 0
            events += 1
            limits.check_events(events)
            if columns.height >= CHUNK:
                yield columns.frame(), raw.tell() / size, events
    except etree.XMLSyntaxError as error:
        raise LogRefused(f"This is not well-formed XES: {error.msg}.", error.lineno) from error
    finally:
        inner.close()
    if columns.height:
        yield columns.frame(), 1.0, events


def parsing(etree: Any, source: Any) -> Any:
    """No entities, no network, no document type, and libxml2's own bounds on depth and size."""
    return etree.iterparse(
        source,
        events=("start", "end"),
        tag=("{*}log", "{*}trace", "{*}event"),
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
    )


def events_of(walk: Any) -> Iterator[tuple[int, dict[str, str], dict[str, str]]]:
    """Per closed event its line, its attributes and those of its trace."""
    case: dict[str, str] = {}
    trace: Any = None
    first = True
    for action, element in walk:
        if first:
            first = False
            if element.getroottree().docinfo.doctype:
                raise LogRefused("The file declares a document type, which is not accepted.", 1)
        name = element.tag.rpartition("}")[2]
        if action == "start":
            if name == "trace":
                trace, case = element, {}
            continue
        if name == "event":
            if trace is None:
                raise LogRefused("An event lies outside every trace.", element.sourceline)
            take(trace, case)
            yield element.sourceline or 0, values(element), case
            trace.remove(element)
        elif name == "trace":
            parent = element.getparent()
            if parent is not None:
                parent.remove(element)
            trace = None


def take(trace: Any, case: dict[str, str]) -> None:
    """The trace's own attributes: they stand before its first event."""
    if case or not len(trace):
        return
    case.update(values(trace))


def values(element: Any) -> dict[str, str]:
    found = {}
    for child in element:
        tag = child.tag
        if isinstance(tag, str) and tag.rpartition("}")[2] in VALUES:
            key = child.get("key")
            if key:
                found[key] = child.get("value") or ""
    return found


class Columns:
    """Lists that grow together."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.reset()

    def reset(self) -> None:
        self.lists: dict[str, list[str | None]] = {}
        self.lines: list[int] = []

    @property
    def height(self) -> int:
        return len(self.lines)

    def add(self, line: int, event: dict[str, str], case: dict[str, str]) -> None:
        self.lines.append(line)
        number = len(self.lines)
        for prefix, attributes in (("", event), ("case:", case)):
            for key, value in attributes.items():
                self.put(prefix + key, value, number)

    def put(self, key: str, value: str, number: int) -> None:
        if len(value) > self.limits.text:
            raise LogRefused(
                f"“{key[:60]}” is longer than {self.limits.text:,} letters.", self.lines[-1]
            )
        column = self.lists.get(key)
        if column is None:
            if len(self.lists) >= self.limits.attributes:
                raise LogRefused(
                    f"There are more than {self.limits.attributes} attributes.", self.lines[-1]
                )
            column = self.lists[key] = []
        if len(column) < number - 1:
            column.extend([None] * (number - 1 - len(column)))
        column.append(value)

    def frame(self) -> pl.DataFrame:
        for column in self.lists.values():
            column.extend([None] * (self.height - len(column)))
        frame = pl.DataFrame(self.lists, schema=dict.fromkeys(self.lists, pl.String))
        frame = frame.with_columns(pl.Series("line", self.lines, dtype=pl.Int64))
        self.reset()
        return frame


def typed(frame: pl.DataFrame, faults: Faults) -> pl.DataFrame:
    reserved = {*KNOWN.values(), "case", "at", "start_at", "case_no"}
    renamed = {name: f"{name}_" for name in frame.columns if name in reserved and name not in KNOWN}
    renamed.update({name: new for name, new in KNOWN.items() if name in frame.columns})
    renamed["case:concept:name"] = "case"
    frame = frame.rename({name: new for name, new in renamed.items() if name in frame.columns})
    missing = [name for name in ("case", "activity", "at_text") if name not in frame.columns]
    frame = frame.with_columns(pl.lit(None, dtype=pl.String).alias(name) for name in missing)
    at = moments.read("at_text", (*moments.ZONED, *moments.NAIVE[:4]), "UTC")
    frame = frame.with_columns(at.alias("at"))
    if "start_text" in frame.columns:
        began = moments.read("start_text", moments.ZONED, "UTC").alias("start_at")
        frame = frame.with_columns(began).drop("start_text")
    if "cost" in frame.columns:
        frame = frame.with_columns(pl.col("cost").cast(pl.Float64, strict=False))
    if "team" not in frame.columns and "org:role" in frame.columns:
        frame = frame.rename({"org:role": "team"})
    bare = ~pl.col("at_text").str.contains(r"([Zz]|[+-]\d{2}:?\d{2})\s*$")
    bare &= pl.col("at").is_not_null()
    marks = frame.select(bare.fill_null(False)).to_series()
    if marks.any() and not marks.all():
        message = "“{at_text}” names no time zone, others do; it was read as UTC."
        faults.rows(frame, bare, "mixed_zones", message, dropped=False)
    return checked(frame, faults)
