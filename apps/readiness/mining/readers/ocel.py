"""OCEL 2.0 (Berti et al. 2024) in its three forms, flattened on one object type: each object of
the type is a case, and an event belongs to every case that it is related to."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from apps.readiness.mining.events import Faults, Progress, build, checked
from apps.readiness.mining.readers import moments
from apps.readiness.mining.readers.limits import Limits
from apps.readiness.mining.results import EventLog, LogRefused

NAMES = {"resource": "resource", "org:resource": "resource", "team": "team", "system": "system"}
FIXED = {"case", "activity", "at", "at_text", "start_at", "case_no", "line", "cost"}


@dataclass
class Objects:
    """What an OCEL file holds: `kinds` of objects by id, their first attribute values, and the
    events as (place in the file, id, type, time, attributes, related objects)."""

    kinds: dict[str, str] = field(default_factory=dict)
    attributes: dict[str, dict[str, str]] = field(default_factory=dict)
    events: list[tuple[int, str, str, str, dict[str, str], list[str]]] = field(default_factory=list)

    def add_attribute(self, object_: str, name: str, value: Any) -> None:
        """An object's later values would tell of the future: the first one counts."""
        if name and value is not None:
            self.attributes.setdefault(object_, {}).setdefault(name, str(value))


def read(
    path: Path, kind: str, object_type: str, limits: Limits, progress: Progress | None
) -> EventLog:
    found = READERS[kind](path, limits)
    counts = Counter(found.kinds.values())
    if not object_type and len(counts) == 1:
        object_type = next(iter(counts))
    if object_type not in counts:
        known = ", ".join(sorted(counts)) or "none"
        raise LogRefused(f"Choose the object type whose objects are the cases: {known}.")
    if progress:
        progress(0.5, len(found.events))
    rows = list(flattened(found, object_type, limits))
    if not rows:
        raise LogRefused(f"No event is related to an object of the type “{object_type}”.")
    frame = pl.DataFrame(rows, infer_schema_length=None)
    at = moments.read("at_text", (*moments.ZONED, *moments.NAIVE[:4]), "UTC")
    faults = Faults()
    log = build(checked(frame.with_columns(at.alias("at")), faults), faults)
    if progress:
        progress(1.0, log.events)
    return log


def types(path: Path, kind: str, limits: Limits) -> dict[str, int]:
    return dict(Counter(READERS[kind](path, limits).kinds.values()).most_common())


def flattened(found: Objects, object_type: str, limits: Limits) -> Iterator[dict[str, Any]]:
    number = 0
    for place, _, activity, at, attributes, related in found.events:
        for object_ in dict.fromkeys(related):
            if found.kinds.get(object_) != object_type:
                continue
            number += 1
            limits.check_events(number)
            row: dict[str, Any] = {
                "line": place,
                "case": object_,
                "activity": activity,
                "at_text": at,
            }
            for name, value in found.attributes.get(object_, {}).items():
                row[f"case:{name}"] = value
            for name, value in attributes.items():
                row[NAMES.get(name, f"{name}_" if name in FIXED else name)] = value
            yield row


def from_json(path: Path, limits: Limits) -> Objects:
    if path.stat().st_size > limits.document:
        raise LogRefused(
            f"A JSON log may have {limits.document:,} bytes; give larger ones as SQLite."
        )
    try:
        data = json.loads(path.read_bytes())
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
        line = getattr(error, "lineno", None)
        raise LogRefused(f"This is not JSON: {error}.", line) from error
    if not isinstance(data, dict) or "ocel:events" in data:
        raise LogRefused("This is OCEL 1.0 or no OCEL; only OCEL 2.0 is read.")
    found = Objects()
    try:
        for each in data["objects"]:
            found.kinds[str(each["id"])] = str(each["type"])
            for part in each.get("attributes", ()):
                found.add_attribute(str(each["id"]), str(part["name"]), part["value"])
        for place, each in enumerate(data["events"], 1):
            attributes = {
                str(part["name"]): str(part["value"]) for part in each.get("attributes", ())
            }
            related = [str(part["objectId"]) for part in each.get("relationships", ())]
            found.events.append(
                (place, str(each["id"]), str(each["type"]), str(each["time"]), attributes, related)
            )
    except (KeyError, TypeError, AttributeError) as error:
        raise LogRefused(f"The JSON is not shaped as OCEL 2.0: {error} is missing.") from error
    return found


def from_xml(path: Path, limits: Limits) -> Objects:
    from lxml import etree

    found = Objects()
    try:
        with path.open("rb") as file:
            walk = etree.iterparse(
                file,
                events=("end",),
                tag=("{*}object", "{*}event"),
                resolve_entities=False,
                no_network=True,
                load_dtd=False,
                huge_tree=False,
            )
            for _, element in walk:
                if element.getroottree().docinfo.doctype:
                    raise LogRefused("The file declares a document type, which is not accepted.", 1)
                take(element, found, limits)
                element.clear()
    except etree.XMLSyntaxError as error:
        raise LogRefused(f"This is not well-formed XML: {error.msg}.", error.lineno) from error
    return found


def take(element: Any, found: Objects, limits: Limits) -> None:
    name, kind = element.get("id"), element.get("type")
    line = element.sourceline or 0
    if name is None:  # a related object inside an event, in files of the older spelling
        return
    if kind is None:
        raise LogRefused("An object or event has no type.", line)
    parts = [
        (part.get("name") or "", part.text)
        for part in element.iter("{*}attribute")
        if part.text is not None
    ]
    if element.tag.rpartition("}")[2] == "object":
        found.kinds[name] = kind
        for attribute, value in parts:
            found.add_attribute(name, attribute, value)
        return
    related = [
        part.get("object-id") for part in element.iter() if part.get("object-id") is not None
    ]
    attributes = {key: value for key, value in parts if value is not None}
    found.events.append((line, name, kind, element.get("time") or "", attributes, related))
    limits.check_events(len(found.events))


def from_sqlite(path: Path, limits: Limits) -> Objects:
    """Tables only: a view or trigger of a stranger's file is never run."""
    found = Objects()
    try:
        with closing(
            sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro&immutable=1", uri=True)
        ) as db:
            db.execute("PRAGMA trusted_schema = OFF")
            tables = {
                name
                for (name,) in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")
            }
            needed = {"event", "object", "event_object", "event_map_type", "object_map_type"}
            if needed - tables:
                missing = ", ".join(sorted(needed - tables))
                raise LogRefused(f"The database is not OCEL 2.0; it has no table {missing}.")
            found.kinds.update(db.execute("SELECT ocel_id, ocel_type FROM object"))
            for row in typed_rows(db, "object", tables):
                for name, value in row.items():
                    if not name.startswith("ocel_"):
                        found.add_attribute(row["ocel_id"], name, value)
            related: dict[str, list[str]] = {}
            pairs = "SELECT ocel_event_id, ocel_object_id FROM event_object"
            for event, object_ in db.execute(pairs):
                related.setdefault(event, []).append(object_)
            kinds = dict(db.execute("SELECT ocel_id, ocel_type FROM event"))
            for place, row in enumerate(typed_rows(db, "event", tables), 1):
                limits.check_events(place)
                attributes = {
                    name: str(value)
                    for name, value in row.items()
                    if value is not None and not name.startswith("ocel_")
                }
                name = row["ocel_id"]
                at = str(row.get("ocel_time") or "")
                found.events.append(
                    (place, name, kinds.get(name, ""), at, attributes, related.get(name, []))
                )
    except sqlite3.Error as error:
        raise LogRefused(f"The database cannot be read: {error}.") from error
    return found


def typed_rows(db: sqlite3.Connection, what: str, tables: set[str]) -> Iterator[dict[str, Any]]:
    """The rows of each type's own table; its name comes from the file, so it must be a table."""
    for (suffix,) in db.execute(f"SELECT ocel_type_map FROM {what}_map_type").fetchall():  # noqa: S608
        table = f"{what}_{suffix}"
        if table not in tables:
            raise LogRefused(f"The database names the table “{table}”, which it does not have.")
        quoted = table.replace('"', '""')
        cursor = db.execute(f'SELECT * FROM "{quoted}"')  # noqa: S608
        names = [column[0] for column in cursor.description]
        for values in cursor:
            yield dict(zip(names, values, strict=True))


READERS: dict[str, Callable[[Path, Limits], Objects]] = {
    "ocel.json": from_json,
    "ocel.sqlite": from_sqlite,
    "ocel.xml": from_xml,
}
