"""Groups that people put together and take apart, and runs of agents elsewhere."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from apps.access.models import User
from apps.common.errors import Conflict, Invalid, NotPermitted
from apps.incidents.imports import Unreadable, read_runs
from apps.incidents.models import Group, GroupingRule, ImportedRun, Incident, Signal
from apps.incidents.queries import batch as batch_of
from apps.incidents.services import containment, incidents, signals
from apps.incidents.services.importing import import_runs
from apps.incidents.services.signals import catch_up, held, merge, split, take
from apps.ledger.models import LedgerEvent
from tests.incidents.test_signals import signal

pytestmark = pytest.mark.django_db


@pytest.fixture
def two() -> tuple[Group, Group]:
    held()
    take([signal(message="The disk is full."), signal(message="The disk is full.")])
    take([signal(message="No space left anywhere on this device.")])
    first, second = Group.objects.order_by("-count")
    return first, second


def test_a_merge_moves_signals_and_later_ones_follow(two: tuple[Group, Group], chair: User) -> None:
    first, second = two
    rule = merge(actor=chair, group=second, into=first, reason="The same disk.")
    take([signal(message="No space left anywhere on this device.")])
    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.count, second.count, second.is_open, second.merged_into) == (4, 0, False, first)
    assert Signal.objects.filter(group=first, key=second.key).count() == 2
    assert LedgerEvent.objects.get(type="incident.groups_merged").after["key"] == rule.key


def test_a_split_brings_back_what_was_moved_and_what_came_since(
    two: tuple[Group, Group], chair: User
) -> None:
    first, second = two
    rule = merge(actor=chair, group=second, into=first, reason="The same disk.")
    take([signal(message="No space left anywhere on this device.")])
    back = split(actor=chair, rule_id=rule.pk, reason="Another disk.")
    first.refresh_from_db()
    assert (back.pk, back.count, back.is_open, first.count) == (second.pk, 2, True, 2)
    take([signal(message="No space left anywhere on this device.")])
    back.refresh_from_db()
    assert back.count == 3
    with pytest.raises(Conflict, match="taken apart already"):
        split(actor=chair, rule_id=rule.pk, reason="Again.")


def test_a_merge_into_a_merged_group_is_followed_to_its_end(
    two: tuple[Group, Group], chair: User
) -> None:
    first, second = two
    take([signal(message="Out of inodes, says the system here.")])
    third = Group.objects.exclude(pk__in=(first.pk, second.pk)).get()
    merge(actor=chair, group=second, into=third, reason="x")
    merge(actor=chair, group=third, into=first, reason="y")
    take([signal(message="No space left anywhere on this device.")])
    first.refresh_from_db()
    assert first.count == 5
    rule = GroupingRule.objects.get(key=second.key)
    assert rule.into == first
    assert split(actor=chair, rule_id=rule.pk, reason="z").count == 2


def test_groups_of_different_severity_are_never_put_together(
    two: tuple[Group, Group], chair: User, approver: User
) -> None:
    first, _ = two
    take([signal("step.dead", message="It gave up.")])
    grave = Group.objects.get(source="step.dead")
    with pytest.raises(Conflict, match="different severity"):
        merge(actor=chair, group=first, into=grave, reason="x")
    with pytest.raises(NotPermitted):
        merge(actor=approver, group=first, into=grave, reason="x")
    with pytest.raises(Conflict, match="two open groups"):
        merge(actor=chair, group=first, into=first, reason="x")


def test_a_merge_wants_a_reason_and_leaves_incidents_alone(
    two: tuple[Group, Group], chair: User
) -> None:
    first, second = two
    with pytest.raises(Invalid, match="why"):
        merge(actor=chair, group=second, into=first, reason=" ")
    take([signal(message="The disk is full.") for _ in range(5)])
    first.refresh_from_db()
    assert first.incident is not None
    with pytest.raises(Conflict, match=r"different severity|incident of its own"):
        merge(actor=chair, group=first, into=second, reason="x")
    assert signals.merge_problem(second, first) == ""


def test_the_page_merges_and_splits(
    two: tuple[Group, Group], chair: User, approver: User, stranger: User,
    signed_in: Callable[[User], Client],
) -> None:  # fmt: skip
    first, second = two
    at = f"/incidents/groups/{first.pk}"
    page = signed_in(chair)
    assert "No space left anywhere" in page.get(at).content.decode()
    sent = page.post(f"{at}/merge", {"group": str(second.pk), "reason": "One disk."})
    assert sent.status_code == 302
    shown = page.get(at).content.decode()
    assert "Take it apart again" in shown
    rule = GroupingRule.objects.get()
    assert page.post(f"{at}/split", {"rule": str(rule.pk), "reason": ""}).status_code == 409
    assert page.post(f"{at}/split", {"rule": str(rule.pk), "reason": "Two."}).status_code == 302
    assert signed_in(stranger).get(at).status_code == 404
    assert signed_in(approver).post(f"{at}/merge", {}).status_code == 404


RUN = {"id": "a", "request": "Read my mail", "unsafe": 1, "note": "It forwarded it.",
       "steps": [{"tool": "mail.read", "args": {"n": 1}, "result": "Hello"},
                 {"tool": "mail.send", "arguments": {"to": "x"}}]}  # fmt: skip


def lines(*runs: Any) -> bytes:
    return "\n".join(json.dumps(run) for run in runs).encode()


def test_runs_are_grouped_by_what_they_did_and_harmful_ones_open_an_incident(
    chair: User, auditor: User
) -> None:
    safe = {**RUN, "id": "b", "unsafe": 0, "steps": RUN["steps"][:1]}
    unknown = {**RUN, "id": "c", "unsafe": None}
    batch = import_runs(actor=chair, data=lines(RUN, safe, unknown), source="A partner")
    assert batch_of(chair, batch).waiting == 3
    assert catch_up() == 3
    found = batch_of(auditor, batch)
    assert (found.runs, found.judged, found.harmful, found.waiting) == (3, 2, 1, 0)
    assert found.purity == 1.0
    assert sorted((each.runs, each.harmful) for each in found.groups) == [(1, 0), (2, 1)]
    incident = Incident.objects.get()
    assert (incident.severity, incident.groups.get().count) == (3, 2)
    incidents.triage(actor=chair, incident=incident, kind="event", severity=3, reason="")
    containment.contain(actor=chair, incident=incident, wishes=[], reason="It works elsewhere.")
    incident.refresh_from_db()
    assert incident.status == "contained"


def test_what_is_here_already_is_left_out(chair: User) -> None:
    import_runs(actor=chair, data=lines(RUN), source="A partner")
    with pytest.raises(Conflict, match="here already"):
        import_runs(actor=chair, data=lines(RUN), source="A partner")
    import_runs(actor=chair, data=lines(RUN, {**RUN, "id": "d"}), source="A partner")
    assert ImportedRun.objects.count() == 2


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "no run"),
        (b"\xff\xfe", "not UTF-8"),
        (b"[{]", "no JSON"),
        (b'{"steps": [{"tool": "x"}]}\nnonsense', "Line 2"),
        (lines({"steps": []}), "no steps"),
        (lines({"steps": [{}]}), "names no tool and says nothing"),
        (lines({**RUN, "unsafe": "maybe"}), "true, false or null"),
        (lines([1]), "is an object"),
        (lines({"steps": [{"tool": "x" * 121}]}), "120 characters"),
        (b"[" * 100_000, "no JSON"),
    ],
)
def test_a_file_with_something_wrong_is_refused_by_line_and_nothing_of_it_is_kept(
    chair: User, data: bytes, words: str
) -> None:
    with pytest.raises(Invalid) as refused:
        import_runs(actor=chair, data=data, source="A partner")
    assert words in " ".join(refused.value.fields["file"])
    assert not ImportedRun.objects.exists()


@given(st.binary(max_size=300))
def test_no_bytes_break_the_reader(data: bytes) -> None:
    with contextlib.suppress(Unreadable):
        assert read_runs(data)


def test_the_page_takes_a_file_and_shows_runs_as_text(
    chair: User, approver: User, stranger: User, signed_in: Callable[[User], Client]
) -> None:
    page = signed_in(chair)
    nasty = {**RUN, "steps": [{"tool": "x", "result": "<script>alert(1)</script>"}]}
    file = SimpleUploadedFile("runs.jsonl", lines(nasty))
    sent = page.post("/incidents/imported", {"source": "A partner", "file": file})
    assert sent.status_code == 302
    catch_up()
    assert "1 imported runs" in page.get(sent["Location"]).content.decode()
    run = ImportedRun.objects.get()
    shown = page.get(f"/incidents/imported/runs/{run.pk}").content.decode()
    assert "&lt;script&gt;alert(1)" in shown
    wrong = page.post("/incidents/imported", {"source": "A partner"})
    assert wrong.status_code == 422
    assert 'value="A partner"' in wrong.content.decode()
    assert signed_in(stranger).get("/incidents/imported").status_code == 404
    assert signed_in(approver).post("/incidents/imported", {"source": "x"}).status_code == 404


def test_real_judged_runs_are_taken_whole_and_their_groups_are_mostly_of_one_judgement(
    shared: Path, chair: User
) -> None:
    file = shared / "judged_runs" / "judged_runs.jsonl"
    if not file.exists():
        pytest.skip("The judged runs are not on this machine.")
    batch = import_runs(actor=chair, data=file.read_bytes(), source="Judged runs")
    catch_up()
    found = batch_of(chair, batch)
    assert (found.runs, found.waiting) == (564, 0)
    assert found.purity is not None
    assert found.purity > max(298, 266) / 564
    print(f"groups {len(found.groups)}, purity {found.purity:.3f}")
