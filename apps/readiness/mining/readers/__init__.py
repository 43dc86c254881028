"""Event logs from files, streaming and safe: XES, XES.gz, CSV and OCEL 2.0 (JSON, SQLite, XML)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from apps.readiness.mining.readers.limits import Limits, kind_of
from apps.readiness.mining.results import CsvMapping, CsvPreview, EventLog, LogRefused

if TYPE_CHECKING:
    from apps.readiness.mining.events import Progress

__all__ = ["Limits", "kind_of", "object_types", "preview", "read_log"]


def read_log(
    path: Path,
    *,
    name: str = "",
    mapping: CsvMapping | None = None,
    object_type: str = "",
    limits: Limits | None = None,
    progress: Progress | None = None,
) -> EventLog:
    """The log in a file. `name` is what the person called it, if `path` is a stored upload; a CSV
    without `mapping` is read with the suggested one. `progress(share, events)` is called as it
    goes on, and may raise `Cancelled`. Raises LogRefused with a sentence and, where known, the
    line; rows that could not be used are in the log's `faults`."""
    limits = limits or Limits()
    limits.check_file(path)
    kind = kind_of(path, name)
    if kind == "csv":
        from apps.readiness.mining.readers import csv_file

        return csv_file.read(path, mapping, limits, progress)
    if kind in ("xes", "xes.gz"):
        from apps.readiness.mining.readers import xes

        return xes.read(path, limits, progress)
    from apps.readiness.mining.readers import ocel

    return ocel.read(path, kind, object_type, limits, progress)


def preview(path: Path, *, encoding: str = "", delimiter: str = "") -> CsvPreview:
    """The head of a CSV with a suggested mapping."""
    from apps.readiness.mining.readers import dialects

    return dialects.preview(path, encoding=encoding, delimiter=delimiter)


def object_types(path: Path, *, name: str = "") -> dict[str, int]:
    """The object types of an OCEL file, with how many objects each has, commonest first."""
    from apps.readiness.mining.readers import ocel

    Limits().check_file(path)
    kind = kind_of(path, name)
    if not kind.startswith("ocel"):
        raise LogRefused("Only object-centric logs (OCEL 2.0) have object types.")
    return ocel.types(path, kind, Limits())
