"""CSV in batches: the columns that are mapped, each batch typed at once.

polars reads the records; Python's own csv module is asked only for what polars cannot tell, the
line of a faulty record (a quoted field may run over several lines).
"""

from __future__ import annotations

import codecs
import csv
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import polars as pl

from apps.readiness.mining.events import Faults, Progress, build, checked
from apps.readiness.mining.readers import dialects, moments
from apps.readiness.mining.readers.limits import Limits
from apps.readiness.mining.results import CsvMapping, EventLog, LogRefused

BATCH = 200_000
ROLES = ("case", "activity", "resource", "team", "system", "cost")


def read(
    path: Path, mapping: CsvMapping | None, limits: Limits, progress: Progress | None
) -> EventLog:
    encoding = mapping.encoding if mapping else ""
    seen = dialects.preview(path, encoding=encoding, delimiter=mapping.delimiter if mapping else "")
    mapping = mapping or seen.suggestion
    check_mapping(mapping, seen.header, seen.problems)
    if len(seen.header) > limits.attributes:
        raise LogRefused(f"The table has more than {limits.attributes} columns.", 1)
    moments.known_zone(mapping.zone)
    faults = Faults()
    with as_utf8(path, seen.encoding) as plain:
        frames = list(
            batches(plain, seen.header, mapping, seen.delimiter, faults, limits, progress)
        )
        place_lines(faults, plain, seen.delimiter)
    if not frames:
        raise LogRefused("The table has a header and no row.")
    log = build(pl.concat(frames, rechunk=False), faults)
    if progress:
        progress(1.0, log.events)
    return log


def table(path: Path, limits: Limits | None = None) -> pl.DataFrame:
    """A CSV as it is, every column as text, blanks as null; for the rules of mining.quality."""
    limits = limits or Limits()
    limits.check_file(path)
    seen = dialects.preview(path)
    if len(seen.header) > limits.attributes:
        raise LogRefused(f"The table has more than {limits.attributes} columns.", 1)
    with as_utf8(path, seen.encoding) as plain:
        try:
            frame = pl.scan_csv(
                plain,
                separator=seen.delimiter,
                infer_schema=False,
                low_memory=True,
                new_columns=list(seen.header),
            ).collect()
        except pl.exceptions.PolarsError as error:
            raise refusal(plain, len(seen.header), seen.delimiter, error) from error
    limits.check_events(frame.height)
    return frame.select(blank_as_null(name) for name in frame.columns)


def check_mapping(mapping: CsvMapping, header: tuple[str, ...], problems: tuple[str, ...]) -> None:
    words = {"case": "case id", "activity": "activity", "at": "moment"}
    for role, word in words.items():
        if not getattr(mapping, role):
            raise LogRefused(f"Say which column is the {word}. {' '.join(problems)}".strip(), 1)
    for role in (*ROLES, "at", "start_at"):
        column = getattr(mapping, role)
        if column and column not in header:
            raise LogRefused(f"The table has no column “{column}”.", 1)


@contextmanager
def as_utf8(path: Path, encoding: str) -> Iterator[Path]:
    """The file itself, or a copy in UTF-8 for the time of reading."""
    if encoding in ("utf-8", "utf-8-sig"):
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="council-log-") as folder:
        copy = Path(folder) / "log.csv"
        line = 1
        decoder = codecs.getincrementaldecoder(encoding)()
        with path.open("rb") as source, copy.open("w", encoding="utf-8", newline="") as target:
            while True:
                chunk = source.read(1 << 20)
                try:
                    text = decoder.decode(chunk, final=not chunk)
                except UnicodeDecodeError as error:
                    line += chunk[: error.start].count(b"\n")
                    raise LogRefused(f"This is not {encoding}.", line) from error
                line += text.count("\n")
                target.write(text.lstrip("\ufeff") if target.tell() == 0 else text)
                if not chunk:
                    break
        yield copy


def batches(
    path: Path,
    header: tuple[str, ...],
    mapping: CsvMapping,
    delimiter: str,
    faults: Faults,
    limits: Limits,
    progress: Progress | None,
) -> Iterator[pl.DataFrame]:
    """Typed frames; the `line` of each row is its record's number until `place_lines`."""
    wanted = attributes(header, mapping)
    scan = pl.scan_csv(
        path,
        separator=delimiter,
        infer_schema=False,
        low_memory=True,
        new_columns=list(header),
        row_index_name="line",
        row_index_offset=2,
    )
    formats: dict[str, tuple[str, ...]] = {}
    size, events, per_row = path.stat().st_size, 0, bytes_per_row(path)
    try:
        for batch in scan.collect_batches(chunk_size=BATCH, maintain_order=True):
            if not batch.height:
                continue
            yield typed(batch, mapping, wanted, formats, faults)
            events += batch.height
            limits.check_events(events)
            if progress:
                progress(min(0.9, 0.9 * events * per_row / size), events)
    except pl.exceptions.PolarsError as error:
        raise refusal(path, len(header), delimiter, error) from error


def bytes_per_row(path: Path) -> float:
    with path.open("rb") as file:
        head = file.read(65_536)
    return len(head) / max(1, head.count(b"\n"))


def attributes(header: tuple[str, ...], mapping: CsvMapping) -> dict[str, str]:
    """Column → attribute name. Names that the log uses itself get an underscore."""
    roles = {getattr(mapping, role) for role in (*ROLES, "at", "start_at")}
    listed = header if mapping.attributes is None else mapping.attributes
    taken = {*ROLES, "at", "start_at", "case_no", "line", "at_text"}
    return {
        name: f"{name}_" if name in taken else name
        for name in listed
        if name and name not in roles and name in header
    }


def typed(
    batch: pl.DataFrame,
    mapping: CsvMapping,
    wanted: dict[str, str],
    formats: dict[str, tuple[str, ...]],
    faults: Faults,
) -> pl.DataFrame:
    columns = [pl.col("line").cast(pl.Int64), pl.col(mapping.at).alias("at_text")]
    for role in ROLES:
        name = getattr(mapping, role)
        if name:
            columns.append(blank_as_null(name).alias(role))
    columns += [blank_as_null(name).alias(new) for name, new in wanted.items()]
    for role in ("at", "start_at"):
        name = getattr(mapping, role)
        if not name:
            continue
        if role not in formats:
            stated = (mapping.moment_format,) if mapping.moment_format else ()
            formats[role] = stated or moments.formats_of(batch[name].head(5_000))
        columns.append(moments.read(name, formats[role], mapping.zone).alias(role))
    frame = batch.select(columns)
    if not mapping.moment_format:
        frame = second_try(frame, formats, mapping.zone)
    note_zones(frame, formats["at"], faults)
    if "cost" in frame.columns:
        frame = frame.with_columns(pl.col("cost").cast(pl.Float64, strict=False))
    return checked(frame, faults)


def blank_as_null(name: str) -> pl.Expr:
    return pl.when(pl.col(name).str.strip_chars() != "").then(pl.col(name))


def second_try(frame: pl.DataFrame, formats: dict[str, tuple[str, ...]], zone: str) -> pl.DataFrame:
    """Moments written unlike those at the head of the file."""
    left = frame.filter(pl.col("at").is_null() & pl.col("at_text").is_not_null())["at_text"]
    if not left.len():
        return frame
    more = tuple(each for each in moments.formats_of(left.head(5_000)) if each not in formats["at"])
    if not more:
        return frame
    formats["at"] = (*formats["at"], *more)
    return frame.with_columns(moments.read("at_text", formats["at"], zone).alias("at"))


def note_zones(frame: pl.DataFrame, formats: tuple[str, ...], faults: Faults) -> None:
    """Where some moments name a zone, those that do not are noted; they were read in the stated
    zone."""
    if len({moments.says_zone(each) for each in formats}) < 2:
        return
    bare = ~pl.col("at_text").str.contains(r"([Zz]|[+-]\d{2}:?\d{2})\s*$")
    message = "“{at_text}” names no time zone, others do; it was read in the stated one."
    faults.rows(frame, bare & pl.col("at").is_not_null(), "mixed_zones", message, dropped=False)


def refusal(path: Path, width: int, delimiter: str, error: Exception) -> LogRefused:
    """Finds the record that polars stumbled over."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, delimiter=delimiter, strict=True)
            for row in reader:
                if len(row) > width:
                    return LogRefused(
                        f"The row has {len(row)} fields and the header {width}.", reader.line_num
                    )
    except (csv.Error, UnicodeDecodeError) as trouble:
        return LogRefused(f"The row cannot be read: {trouble}.", reader.line_num)
    return LogRefused(f"The table cannot be read: {str(error).splitlines()[0]}")


def place_lines(faults: Faults, path: Path, delimiter: str) -> None:
    """Replaces record numbers by the lines on which the records begin."""
    wanted = {fault.line for fault in faults.kept}
    if not wanted:
        return
    lines: dict[int, int] = {}
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file, delimiter=delimiter)
        record, before = 0, 0
        for row in reader:
            record += bool(row)
            if row and record in wanted:
                lines[record] = before + 1
                if len(lines) == len(wanted):
                    break
            before = reader.line_num
    faults.kept[:] = [replace(each, line=lines.get(each.line, each.line)) for each in faults.kept]
