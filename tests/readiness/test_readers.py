import gzip
import json
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.readiness.mining import graph, readers
from apps.readiness.mining.readers.limits import Limits, Unpacked
from apps.readiness.mining.results import Cancelled, CsvMapping, EventLog, LogRefused

HEAD = "case,activity,timestamp,user,amount\n"
GOOD = "1,Ask,2026-01-01T10:00:00Z,Ada,5\n1,Answer,2026-01-01T11:00:00Z,Ben,5\n"


def table(folder: Path, text: str, encoding: str = "utf-8") -> Path:
    path = folder / "log.csv"
    path.write_bytes(text.encode(encoding))
    return path


def names(log: EventLog) -> list[tuple[str, str]]:
    return [(case, activity) for case, activity in log.frame.select("case", "activity").rows()]


def test_a_table_is_read_with_the_suggested_mapping(tmp_path: Path) -> None:
    log = readers.read_log(table(tmp_path, HEAD + GOOD))
    assert names(log) == [("1", "Ask"), ("1", "Answer")]
    assert log.frame["at"].to_list()[0] == datetime(2026, 1, 1, 10, tzinfo=UTC)
    assert log.frame["resource"].to_list() == ["Ada", "Ben"]
    assert log.case_attributes == ("amount",)


def test_faulty_rows_are_left_out_and_named_by_line(tmp_path: Path) -> None:
    text = (
        HEAD
        + '1,"Ask\nagain",2026-01-01T10:00:00Z,Ada,5\n'
        + ",Ask,2026-01-01T10:00:00Z,Ada,5\n"
        + "2,,2026-01-01T10:00:00Z,Ada,5\n"
        + "2,Ask,,Ada,5\n"
        + "2,Ask,yesterday,Ada,5\n"
    )
    log = readers.read_log(table(tmp_path, text))
    found = {fault.kind: (fault.line, fault.dropped) for fault in log.faults}
    assert found == {
        "no_case": (4, True),
        "no_activity": (5, True),
        "no_moment": (6, True),
        "bad_moment": (7, True),
    }
    assert log.events == 1


def test_no_case_id_at_all_is_a_refusal_that_says_so(tmp_path: Path) -> None:
    with pytest.raises(LogRefused, match=r"2 with no case id.*line 2"):
        readers.read_log(table(tmp_path, HEAD + GOOD.replace("1,A", ",A")))
    with pytest.raises(LogRefused, match="which column is the case id"):
        readers.read_log(table(tmp_path, "x,activity,timestamp\n1,Ask,2026-01-01\n"))


def test_mixed_zones_are_read_in_the_stated_one_and_noted(tmp_path: Path) -> None:
    text = HEAD + GOOD + "1,Close,2026-01-01T12:00:00,Ada,5\n"
    mapping = readers.preview(table(tmp_path, text)).suggestion
    zoned = CsvMapping(**{**vars(mapping), "zone": "Europe/Berlin"})
    log = readers.read_log(tmp_path / "log.csv", mapping=zoned)
    assert log.fault_counts == {"mixed_zones": 1}
    assert log.faults[0].line == 4
    close = log.frame.filter(log.frame["activity"] == "Close")
    assert close["at"].to_list() == [datetime(2026, 1, 1, 11, tzinfo=UTC)]


def test_an_end_before_its_start_is_kept_and_noted(tmp_path: Path) -> None:
    text = (
        "case,activity,start_time,end_time\n"
        "1,Ask,2026-01-01 10:00:00,2026-01-01 09:00:00\n"
        "1,Close,2026-01-01 11:00:00,2026-01-01 12:00:00\n"
    )
    log = readers.read_log(table(tmp_path, text))
    assert log.fault_counts == {"end_before_start": 1}
    assert log.events == 2


@pytest.mark.parametrize("encoding", ["cp1252", "utf-8-sig", "utf-16", "utf-16-le", "latin-1"])
def test_other_encodings_are_found_out(tmp_path: Path, encoding: str) -> None:
    text = (HEAD + GOOD).replace("Ask", "Prüfen")
    log = readers.read_log(table(tmp_path, text, encoding))
    assert ("1", "Prüfen") in names(log)


def test_a_stated_encoding_that_is_wrong_names_the_line(tmp_path: Path) -> None:
    path = table(tmp_path, (HEAD + GOOD).replace("Answer", "Prüfen"), "latin-1")
    mapping = CsvMapping("case", "activity", "timestamp", encoding="utf-8")
    with pytest.raises(LogRefused, match="Line 3: This is not utf-8"):
        readers.read_log(path, mapping=mapping)


@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
def test_other_delimiters_are_found_out(tmp_path: Path, delimiter: str) -> None:
    log = readers.read_log(table(tmp_path, (HEAD + GOOD).replace(",", delimiter)))
    assert log.events == 2


@pytest.mark.parametrize(
    "moment",
    [
        "2026-03-04 05:06:07",
        "2026-03-04T05:06:07.000",
        "2026/03/04 05:06:07",
        "04.03.2026 05:06:07",
        "1772600767",
        "1772600767000",
        "2026-03-04 06:06:07+01:00",
        "2026-03-04T06:06:07+0100",
    ],
)
def test_moments_in_many_spellings(tmp_path: Path, moment: str) -> None:
    log = readers.read_log(table(tmp_path, f"case,activity,timestamp\n1,Ask,{moment}\n"))
    assert log.frame["at"].to_list() == [datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)]


def test_day_or_month_first_is_not_guessed(tmp_path: Path) -> None:
    text = "case,activity,timestamp\n1,Ask,03/04/2026 10:00\n"
    with pytest.raises(LogRefused, match="day or the month first"):
        readers.read_log(table(tmp_path, text))
    stated = CsvMapping("case", "activity", "timestamp", moment_format="%d/%m/%Y %H:%M")
    log = readers.read_log(tmp_path / "log.csv", mapping=stated)
    assert log.first_at == datetime(2026, 4, 3, 10, tzinfo=UTC)
    clear = readers.read_log(
        table(tmp_path, text + "1,Close,31/04/2026 10:00\n1,End,30/04/2026 9:00\n")
    )
    assert clear.events >= 2


def test_a_row_with_too_many_fields_names_its_line(tmp_path: Path) -> None:
    with pytest.raises(LogRefused, match=r"Line 4: The row has 6 fields and the header 5\."):
        readers.read_log(table(tmp_path, HEAD + GOOD + "1,a,2026-01-01,b,5,6\n"))


def test_duplicates_and_a_single_case_are_kept(tmp_path: Path) -> None:
    log = readers.read_log(table(tmp_path, HEAD + GOOD + GOOD))
    assert (log.cases, log.events) == (1, 4)
    assert graph.directly_follows(log).cases == 1


def test_events_out_of_order_are_put_in_order_by_case(tmp_path: Path) -> None:
    text = HEAD + "2,B,2026-01-02T00:00:00Z,a,1\n1,Y,2026-01-02T00:00:00Z,a,1\n" * 2
    log = readers.read_log(table(tmp_path, text + "2,A,2026-01-01T00:00:00Z,a,1\n"))
    assert names(log) == [("2", "A"), ("2", "B"), ("2", "B"), ("1", "Y"), ("1", "Y")]


@pytest.mark.parametrize("data", [b"", b"\x00" * 40, b"\n\n", b"case,case\n1,2\n", b"case\n"])
def test_what_is_no_table_is_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "log.csv"
    path.write_bytes(data)
    with pytest.raises(LogRefused):
        readers.read_log(path, name="log.csv")


def test_a_reader_may_be_stopped_and_bounded(tmp_path: Path) -> None:
    def stop(share: float, events: int) -> None:
        raise Cancelled

    path = table(tmp_path, HEAD + GOOD)
    with pytest.raises(Cancelled):
        readers.read_log(path, progress=stop)
    with pytest.raises(LogRefused, match="more than 1 events"):
        readers.read_log(path, limits=Limits(events=1))


def xes(events: str, head: str = "") -> bytes:
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>{head}<log xmlns="http://www.xes-standard.org">'
        '<trace><string key="concept:name" value="c1"/><string key="kind" value="big"/>'
        f"{events}</trace></log>"
    ).encode()


def event(name: str, at: str, more: str = "") -> str:
    return (
        f'<event><string key="concept:name" value="{name}"/>'
        f'<date key="time:timestamp" value="{at}"/>{more}</event>\n'
    )


def test_xes_and_xes_gz_give_the_same_log(tmp_path: Path) -> None:
    data = xes(
        event("Ask", "2026-01-01T10:00:00+01:00", '<string key="org:resource" value="Ada"/>')
        + event("Answer", "2026-01-01T11:00:00.5Z")
    )
    (tmp_path / "a.xes").write_bytes(data)
    (tmp_path / "a.xes.gz").write_bytes(gzip.compress(data))
    plain, packed = (readers.read_log(tmp_path / name) for name in ("a.xes", "a.xes.gz"))
    assert plain.frame.equals(packed.frame)
    assert names(plain) == [("c1", "Ask"), ("c1", "Answer")]
    assert plain.frame["resource"].to_list() == ["Ada", None]
    assert plain.case_attributes == ("case:kind",)


def test_faults_in_xes_have_lines(tmp_path: Path) -> None:
    path = tmp_path / "a.xes"
    path.write_bytes(xes(event("Ask", "2026-01-01T10:00:00Z") + event("Answer", "soon")))
    log = readers.read_log(path)
    assert [(each.kind, each.line) for each in log.faults] == [("bad_moment", 2)]


BOMB = (
    '<!DOCTYPE log [<!ENTITY a "aaaaaaaaaa">'
    + "".join(
        f'<!ENTITY {x} "{("&" + y + ";") * 10}">'
        for y, x in zip("abcdefgh", "bcdefghi", strict=True)
    )
    + "]>"
)


@pytest.mark.parametrize(
    "data",
    [
        xes(event("&i;", "2026-01-01T10:00:00Z"), BOMB),
        xes(event("&x;", "2026-01-01"), '<!DOCTYPE log [<!ENTITY x SYSTEM "file:///etc/passwd">]>'),
        b"<log><trace><event>",
        b"<log></log>",
        b"<log>" + b"<trace>" * 5000,
        b'<log><event><string key="concept:name" value="a"/></event></log>',
    ],
)
def test_hostile_or_broken_xes_is_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "a.xes"
    path.write_bytes(data)
    with pytest.raises(LogRefused):
        readers.read_log(path)


def test_a_compressed_bomb_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.xes.gz"
    with gzip.open(path, "wb") as file:
        file.write(b"<log><trace>")
        for _ in range(100):
            file.write(b"<a/>" * 250_000)
    stream = Unpacked(path, Limits())
    with pytest.raises(LogRefused, match="unpacks to far more"):
        list(iter(stream.read, b""))
    stream.close()
    with pytest.raises(LogRefused, match="hold no event"):
        readers.read_log(path, limits=Limits(window=2_000_000))
    path.write_bytes(gzip.compress(xes(event("Ask", "2026-01-01T10:00:00Z")))[:-12])
    with pytest.raises(LogRefused):
        readers.read_log(path)


OCEL = {
    "objectTypes": [],
    "eventTypes": [],
    "objects": [
        {"id": "o1", "type": "Order", "attributes": [{"name": "size", "time": "0", "value": "S"}]},
        {"id": "o2", "type": "Order", "attributes": []},
        {"id": "i1", "type": "Item", "attributes": []},
    ],
    "events": [
        {
            "id": "e1",
            "type": "Place",
            "time": "2026-01-01T10:00:00Z",
            "attributes": [{"name": "resource", "value": "Ada"}],
            "relationships": [
                {"objectId": "o1", "qualifier": ""},
                {"objectId": "o2", "qualifier": ""},
                {"objectId": "i1", "qualifier": ""},
            ],
        },
        {
            "id": "e2",
            "type": "Ship",
            "time": "2026-01-02T10:00:00Z",
            "relationships": [{"objectId": "o1", "qualifier": ""}],
        },
    ],
}


def as_xml() -> str:
    objects = "".join(
        f'<object id="{each["id"]}" type="{each["type"]}"><attributes>'
        + "".join(
            f'<attribute name="{part["name"]}" time="{part["time"]}">{part["value"]}</attribute>'
            for part in each["attributes"]
        )
        + "</attributes></object>"
        for each in OCEL["objects"]
    )
    events = "".join(
        f'<event id="{each["id"]}" type="{each["type"]}" time="{each["time"]}"><attributes>'
        + "".join(
            f'<attribute name="{part["name"]}">{part["value"]}</attribute>'
            for part in each.get("attributes", ())
        )
        + "</attributes><objects>"
        + "".join(
            f'<relationship object-id="{part["objectId"]}" qualifier=""/>'
            for part in each["relationships"]
        )
        + "</objects></event>"
        for each in OCEL["events"]
    )
    return f"<log><object-types/><objects>{objects}</objects><events>{events}</events></log>"


def as_sqlite(path: Path) -> None:
    with sqlite3.connect(path) as db:
        db.executescript(
            """
            CREATE TABLE event (ocel_id TEXT, ocel_type TEXT);
            CREATE TABLE object (ocel_id TEXT, ocel_type TEXT);
            CREATE TABLE event_object (ocel_event_id, ocel_object_id, ocel_qualifier);
            CREATE TABLE event_map_type (ocel_type, ocel_type_map);
            CREATE TABLE object_map_type (ocel_type, ocel_type_map);
            CREATE TABLE event_place (ocel_id, ocel_time, resource);
            CREATE TABLE event_ship (ocel_id, ocel_time);
            CREATE TABLE object_order (ocel_id, ocel_time, size, ocel_changed_field);
            INSERT INTO event VALUES ('e1', 'Place'), ('e2', 'Ship');
            INSERT INTO object VALUES ('o1', 'Order'), ('o2', 'Order'), ('i1', 'Item');
            INSERT INTO event_object VALUES
                ('e1', 'o1', ''), ('e1', 'o2', ''), ('e1', 'i1', ''), ('e2', 'o1', '');
            INSERT INTO event_map_type VALUES ('Place', 'place'), ('Ship', 'ship');
            INSERT INTO object_map_type VALUES ('Order', 'order');
            INSERT INTO event_place VALUES ('e1', '2026-01-01T10:00:00Z', 'Ada');
            INSERT INTO event_ship VALUES ('e2', '2026-01-02T10:00:00Z');
            INSERT INTO object_order VALUES ('o1', '0', 'S', NULL), ('o1', '1', 'L', 'size');
            """
        )
    db.close()


def test_ocel_in_its_three_forms_gives_the_same_log(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps(OCEL))
    (tmp_path / "a.xml").write_text(as_xml())
    as_sqlite(tmp_path / "a.sqlite")
    for name in ("a.json", "a.xml", "a.sqlite"):
        path = tmp_path / name
        assert readers.object_types(path) == {"Order": 2, "Item": 1}
        log = readers.read_log(path, object_type="Order")
        assert sorted(names(log)) == [("o1", "Place"), ("o1", "Ship"), ("o2", "Place")]
        sizes = log.frame.select("case", "case:size", "resource").unique().sort("case", "resource")
        assert ("o1", "S", "Ada") in sizes.rows()
        with pytest.raises(LogRefused, match="Item, Order"):
            readers.read_log(path)


@pytest.mark.parametrize(
    "data",
    [
        b"{",
        b"[1]",
        b'{"ocel:events": {}}',
        b'{"objects": [{"id": 1}], "events": []}',
        b'{"objects": [], "events": [3]}',
        b"[" * 100_000,
        b"SQLite format 3\x00" + b"x" * 200,
        b"<log><objects><object id='1' type='a'>",
        b"<log><objects><object id='1'/></objects></log>",
        BOMB.encode() + b"<log><objects><object id='1' type='&i;'/></objects></log>",
    ],
)
def test_hostile_or_broken_ocel_is_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(data)
    with pytest.raises(LogRefused):
        readers.read_log(path, object_type="a")


words = st.text(
    st.characters(blacklist_categories=("Cs", "Cc"), blacklist_characters="\x85\u2028\u2029"),
    min_size=1,
    max_size=8,
).filter(lambda word: word.strip() == word and word)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(
        st.tuples(words, words, st.integers(0, 10**9), st.one_of(st.none(), words)),
        min_size=1,
        max_size=12,
    )
)
def test_what_is_written_as_a_table_is_read_back(tmp_path: Path, rows) -> None:  # type: ignore[no-untyped-def]
    import csv

    path = tmp_path / "round.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, quoting=csv.QUOTE_ALL)
        writer.writerow(["case", "activity", "timestamp", "user"])
        for case, activity, seconds, user in rows:
            at = datetime.fromtimestamp(seconds, UTC).isoformat()
            writer.writerow([case, activity, at, user or ""])
    mapping = CsvMapping(
        "case", "activity", "timestamp", resource="user", encoding="utf-8", delimiter=","
    )
    log = readers.read_log(path, name="round.csv", mapping=mapping)
    found = sorted(
        (case, activity, int(at.timestamp()), user or "")
        for case, activity, at, user in log.frame.select(
            "case", "activity", "at", "resource"
        ).rows()
    )
    assert found == sorted((case, name, at, user or "") for case, name, at, user in rows)
    assert not log.fault_counts


@settings(
    max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.binary(max_size=300), st.sampled_from([b"", b"<", b"{", b"\x1f\x8b", HEAD.encode()]))
def test_any_bytes_are_read_or_refused_and_nothing_else(
    tmp_path: Path, data: bytes, head: bytes
) -> None:
    path = tmp_path / "any"
    path.write_bytes(head + data)
    try:
        log = readers.read_log(path)
    except LogRefused:
        return
    assert log.events > 0
