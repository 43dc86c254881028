"""Verifications that are asked for: one at a time, with progress, and told in the ledger."""

from __future__ import annotations

import datetime as dt
from unittest.mock import patch

import pytest

from apps.common.clock import now
from apps.ledger import checkpoints, keys, sealing, verifying
from apps.ledger.models import LedgerEvent, Seal, Verification
from apps.ledger.services import record
from apps.ledger.verification import walk


def test_it_is_carried_out_once_and_tells_the_ledger(key: keys.PublicKey) -> None:
    for _ in range(7):
        record(type="run.started")
    sealing.seal()
    row = verifying.ask()
    assert verifying.ask() == row, "A second click does not ask twice."
    with patch.object(walk, "CHUNK", 3):
        verifying.work_on(row.pk)
    row.refresh_from_db()
    assert (row.status, row.done, row.total) == ("intact", 8, 8)
    assert row.report["verdict"] == "Intact to event 8."
    assert LedgerEvent.objects.get(type="ledger.verified").after["covered"].startswith("events 1–8")
    verifying.work_on(row.pk)
    assert LedgerEvent.objects.filter(type="ledger.verified").count() == 1


def test_a_broken_ledger_is_an_event_that_names_the_place(key: keys.PublicKey) -> None:
    sealing.seal()
    Seal.objects.update(count=1, merkle_root="f" * 64)
    row = verifying.ask()
    verifying.work_on(row.pk)
    row.refresh_from_db()
    assert row.status == "broken"
    event = LedgerEvent.objects.get(type="ledger.broken")
    assert event.outcome == "failed"
    assert "Seal 1 was changed" in event.reason


def test_what_breaks_off_is_told_and_can_be_asked_again(db: None) -> None:
    row = verifying.ask()
    with patch.object(verifying, "verify", side_effect=RuntimeError):
        verifying.work_on(row.pk)
    row.refresh_from_db()
    assert (row.status, row.error) == ("failed", "It broke off: RuntimeError.")
    assert verifying.ask() != row


def test_a_worker_that_died_leaves_it_to_the_next_one(key: keys.PublicKey) -> None:
    sealing.seal()
    row = verifying.ask()
    lost = verifying.claim(row.pk)
    assert lost is not None
    assert verifying.due() == []
    Verification.objects.filter(pk=row.pk).update(lease_until=now() - dt.timedelta(seconds=1))
    assert verifying.due() == [row.pk]
    verifying.work_on(row.pk)
    row.refresh_from_db()
    assert row.status == "intact"
    with pytest.raises(verifying.Conflict):
        verifying.go_on(lost, 1, 1)


def test_the_day_asks_for_one_by_itself(key: keys.PublicKey) -> None:
    assert verifying.due() == []
    sealing.seal()
    checkpoints.make()
    (pk,) = verifying.due()
    assert Verification.objects.get(pk=pk).asked_by_label == "the schedule"
    verifying.work_on(pk)
    assert verifying.due() == []
    with patch.object(verifying, "now", lambda: now() + dt.timedelta(days=1, minutes=1)):
        assert len(verifying.due()) == 1
