"""Taking back everything that an agent did in a window."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import pytest
from django.test import Client

from apps.access.models import User
from apps.common.clock import now
from apps.common.errors import Conflict, Invalid, NotPermitted
from apps.common.ids import uuid7
from apps.incidents.models import Incident, Link, RollbackItem, Signal
from apps.incidents.queries import foreseen
from apps.incidents.services import containment, rollbacks
from apps.incidents.services.measures import Wish
from apps.incidents.services.signals import catch_up
from apps.ledger.models import LedgerEvent
from apps.registry.models import Agent
from tests.runtime.test_the_gate import put
from tests.support import Shelf, Unavailable

pytestmark = pytest.mark.django_db
Make = Callable[..., Incident]


@pytest.fixture
def busy(reported: Make, ready: Agent, shelf: Shelf, chair: User) -> Incident:
    """Three things put on the shelf, and the agent stopped after that."""
    for thing in ("book", "pen", "cup"):
        assert put(ready, thing=thing, amount=2).status == "done"
    row = reported()
    containment.contain(
        actor=chair, incident=row, wishes=[Wish("agent", "clerk", "suspend")], reason="Stop."
    )
    return row


def begin(actor: User, row: Incident, **more: object) -> object:
    fields = {"agent": "clerk", "since": now() - dt.timedelta(hours=1), "until": now(),
              "reason": "Nobody ordered it.", **more}  # fmt: skip
    return rollbacks.roll_back_window(actor=actor, incident=row, **fields)  # type: ignore[arg-type]


def test_it_says_beforehand_what_can_be_taken_back(
    busy: Incident, ready: Agent, shelf: Shelf
) -> None:
    shelf.stock["pen"] = 9
    found = foreseen("clerk", now() - dt.timedelta(hours=1), now())
    assert [(item.action.arguments["thing"], item.status) for item in found] == [
        ("cup", "waiting"), ("pen", "changed"), ("book", "waiting"),
    ]  # fmt: skip
    assert "changed" in found[1].words


def test_what_the_window_wrote_later_itself_does_not_count_as_changed(
    reported: Make, ready: Agent, shelf: Shelf, chair: User, operator: User
) -> None:
    """Three writes to one record, each upon the last: all go, unless somebody came in between."""
    for amount in (1, 2, 3):
        assert put(ready, thing="book", amount=amount).status == "done"
    row = reported()
    containment.contain(
        actor=chair, incident=row, wishes=[Wish("agent", "clerk", "suspend")], reason="Stop."
    )
    window = ("clerk", now() - dt.timedelta(hours=1), now())
    assert [item.status for item in foreseen(*window)] == ["waiting"] * 3
    shelf.stock["book"] = 50
    assert [item.status for item in foreseen(*window)] == ["changed"] * 3
    shelf.stock["book"] = 6
    begin(operator, row)
    assert rollbacks.work_off() == 3
    assert shelf.stock == {"book": 0}


def test_what_an_incident_takes_back_is_no_sign_of_another(
    busy: Incident, operator: User, shelf: Shelf
) -> None:
    catch_up()
    before = Signal.objects.count()
    begin(operator, busy)
    assert rollbacks.work_off() == 3
    catch_up()
    assert Signal.objects.count() == before
    assert Incident.objects.count() == 1


def test_what_the_incident_names_is_picked_before_everything_else(
    busy: Incident, operator: User, signed_in: Callable[[User], Client]
) -> None:
    run, act = uuid7(), foreseen("clerk", now() - dt.timedelta(hours=1), now())[0].action
    type(act).objects.filter(pk=act.pk).update(run_id=run)
    at, page = f"/incidents/I-{busy.number}/rollback", signed_in(operator)
    assert page.get(at).content.decode().count(" checked") == 3
    Link.objects.create(incident=busy, kind="run", ref=run.hex, label="R")
    assert page.get(at).content.decode().count(" checked") == 1
    assert page.get(at + "?pick=all").content.decode().count(" checked") == 3
    assert page.get(at + "?pick=none").content.decode().count(" checked") == 0


def test_each_is_taken_back_newest_first_and_one_that_cannot_keeps_nobody(
    busy: Incident, operator: User, shelf: Shelf
) -> None:
    shelf.stock["pen"] = 9
    begin(operator, busy)
    assert rollbacks.work_off() == 2
    assert shelf.stock == {"book": 0, "pen": 9, "cup": 0}
    items = RollbackItem.objects.order_by("place")
    assert [item.status for item in items] == ["done", "changed", "done"]
    assert LedgerEvent.objects.filter(type="action.undone").count() == 2
    assert rollbacks.work_off() == 0


def test_a_record_that_somebody_changes_halfway_is_left_and_the_rest_goes_on(
    busy: Incident, operator: User, shelf: Shelf
) -> None:
    begin(operator, busy)
    shelf.stock["pen"] = 9
    rollbacks.work_off()
    items = RollbackItem.objects.order_by("place")
    assert [item.status for item in items] == ["done", "changed", "done"]
    assert shelf.stock["pen"] == 9


def test_a_system_that_does_not_answer_is_asked_again(
    busy: Incident, operator: User, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin(operator, busy)

    def closed(*args: object) -> None:
        raise Unavailable("The shelf is closed.", 1.0)

    with monkeypatch.context() as patch:
        patch.setattr(shelf, "undo", closed)
        rollbacks.work_off()
    first = RollbackItem.objects.order_by("place")[0]
    assert (first.status, first.words) == ("waiting", "The shelf is closed.")
    RollbackItem.objects.update(due_at=now())
    rollbacks.work_off()
    assert {item.status for item in RollbackItem.objects.all()} == {"done"}


def test_an_item_whose_worker_died_is_taken_up_again(
    busy: Incident, operator: User, shelf: Shelf
) -> None:
    begin(operator, busy)
    assert rollbacks.claim() is not None
    RollbackItem.objects.filter(status="doing").update(due_at=now() - dt.timedelta(seconds=1))
    rollbacks.work_off()
    assert {item.status for item in RollbackItem.objects.all()} == {"done"}


def test_the_agent_has_to_be_stopped_first_and_only_operators_take_back(
    reported: Make, ready: Agent, operator: User, approver: User, chair: User
) -> None:
    put(ready)
    row = reported()
    with pytest.raises(Conflict, match="Suspend Clerk first"):
        begin(operator, row)
    containment.contain(
        actor=chair, incident=row, wishes=[Wish("agent", "clerk", "suspend")], reason="Stop."
    )
    with pytest.raises(NotPermitted):
        begin(approver, row)
    with pytest.raises(Invalid, match="Choose an agent"):
        begin(operator, row, agent="other")
    with pytest.raises(Invalid, match="after it begins"):
        begin(operator, row, since=now(), until=now() - dt.timedelta(hours=1))
    early = now() - dt.timedelta(days=1)
    with pytest.raises(Conflict, match="Nothing in this window"):
        begin(operator, row, since=early - dt.timedelta(hours=1), until=early)


def test_the_page_shows_the_window_and_takes_back_what_is_picked(
    busy: Incident, operator: User, stranger: User, shelf: Shelf,
    signed_in: Callable[[User], Client],
) -> None:  # fmt: skip
    page = signed_in(operator)
    at = f"/incidents/I-{busy.number}/rollback"
    shown = page.get(at).content.decode()
    assert "3 of 3 can be taken back" in shown
    found = foreseen("clerk", now() - dt.timedelta(hours=1), now())
    body = {"agent": "clerk", "since": (now() - dt.timedelta(hours=1)).isoformat(),
            "until": now().isoformat(), "reason": "x",
            "item": [str(found[0].action.pk)]}  # fmt: skip
    assert page.post(at, {**body, "item": []}).status_code == 409
    assert page.post(at, body).status_code == 302
    rollbacks.work_off()
    assert shelf.stock == {"book": 2, "pen": 2, "cup": 0}
    assert "Taken back" in page.get(f"/incidents/I-{busy.number}").content.decode()
    assert signed_in(stranger).get(at).status_code == 404
