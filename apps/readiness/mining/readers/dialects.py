"""How a CSV is written: its encoding, its delimiter, and what its columns seem to be."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

from apps.readiness.mining.results import CsvMapping, CsvPreview, LogRefused

DELIMITERS = ",;\t|"
HEAD = 262_144
SHOWN = 20
NAMES = {
    "case": "case:concept:name case case_id caseid case_key trace trace_id process_instance "
    "instance_id order_id ticket ticket_id document_id invoice_id id",
    "activity": "concept:name activity activity_name task step event event_name action operation",
    "at": "time:timestamp end_time endtime completed_at complete_timestamp end end_timestamp "
    "finished_at timestamp at time datetime date event_time created_at",
    "start_at": "start_time starttime start_timestamp started_at start begin",
    "resource": "org:resource resource user user_id employee agent performer assignee",
    "team": "org:group org:role team group role department",
    "system": "system systems application source_system app",
    "cost": "cost cost:total costs",
}


def encoding_of(path: Path) -> str:
    """By its mark, else UTF-8 if the whole file is, else Windows-1252 (Latin-1 if it has bytes
    that Windows-1252 does not)."""
    with path.open("rb") as file:
        head = file.read(4096)
        if head.startswith(codecs.BOM_UTF8):
            return "utf-8-sig"
        if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            return "utf-16"
        if head[1::2].count(0) > len(head) / 4:
            return "utf-16-le"
        if head[::2].count(0) > len(head) / 4:
            return "utf-16-be"
        file.seek(0)
        decoder = codecs.getincrementaldecoder("utf-8")()
        undefined = False
        try:
            while chunk := file.read(1 << 20):
                decoder.decode(chunk)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            file.seek(0)
            while chunk := file.read(1 << 20):
                undefined = undefined or re.search(rb"[\x81\x8d\x8f\x90\x9d]", chunk) is not None
            return "latin-1" if undefined else "cp1252"
    return "utf-8"


def known_encoding(encoding: str) -> str:
    try:
        return codecs.lookup(encoding).name
    except LookupError as error:
        raise LogRefused(f"“{encoding}” is not an encoding.") from error


def head_of(path: Path, encoding: str) -> str:
    with path.open("rb") as file:
        data = file.read(HEAD)
    text = codecs.getincrementaldecoder(encoding)(errors="strict")
    try:
        return text.decode(data)
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise LogRefused(f"This is not {encoding}.", line) from error


def delimiter_of(text: str) -> str:
    """The one that splits the first lines most evenly."""
    scores = {}
    for delimiter in DELIMITERS:
        try:
            rows = list(islice(csv.reader(io.StringIO(text), delimiter=delimiter), 20))
        except csv.Error:  # a lone carriage return, or a field beyond all bounds
            continue
        widths = [len(row) for row in rows if row]
        same = sum(width == widths[0] for width in widths) if widths else 0
        scores[delimiter] = (same * (widths[0] > 1), widths[0]) if widths else (0, 0)
    return max(scores, key=lambda each: scores[each], default=",")


def preview(path: Path, *, encoding: str = "", delimiter: str = "") -> CsvPreview:
    encoding = known_encoding(encoding) if encoding else encoding_of(path)
    text = head_of(path, encoding)
    whole = text if path.stat().st_size <= HEAD else text[: text.rfind("\n") + 1] or text
    if "\x00" in whole:
        raise LogRefused("The file holds null bytes: it is not a table in text form.")
    delimiter = delimiter or delimiter_of(whole)
    try:
        rows = [row for row in csv.reader(io.StringIO(whole), delimiter=delimiter) if row]
    except csv.Error as error:
        raise LogRefused(f"The table cannot be read: {error}.") from error
    if not rows:
        raise LogRefused("The table has no header.")
    header = tuple(name.strip() for name in rows[0])
    if len(set(header)) != len(header):
        twice = sorted({name for name in header if header.count(name) > 1})
        raise LogRefused(f"Two columns are called “{twice[0]}”.", 1)
    suggestion, problems = suggested(header, encoding, delimiter)
    shown = tuple(tuple(row) for row in rows[1 : SHOWN + 1])
    return CsvPreview(encoding, delimiter, header, shown, suggestion, problems)


def suggested(
    header: Sequence[str], encoding: str, delimiter: str
) -> tuple[CsvMapping, tuple[str, ...]]:
    """By the columns' names; a column serves once. What was not found stays empty."""
    folded = {re.sub(r"[\s\-]+", "_", name.casefold()): name for name in header}
    found: dict[str, str] = {}
    for role, names in NAMES.items():
        for name in names.split():
            if name in folded and folded[name] not in found.values():
                found[role] = folded[name]
                break
    words = {"case": "case", "activity": "activity", "at": "moment"}
    problems = tuple(
        f"No column looks like the {words[role]}." for role in words if role not in found
    )
    return CsvMapping(
        case=found.get("case", ""),
        activity=found.get("activity", ""),
        at=found.get("at", ""),
        start_at=found.get("start_at", ""),
        resource=found.get("resource", ""),
        team=found.get("team", ""),
        system=found.get("system", ""),
        cost=found.get("cost", ""),
        encoding=encoding,
        delimiter=delimiter,
    ), problems
