"""Keeping, purging and erasing: what goes, what remains, and that verification says so."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any
from unittest.mock import patch

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client

from apps.access.models import User
from apps.audit import keeping
from apps.common.acting import acting
from apps.common.clock import now
from apps.common.errors import Conflict, Invalid, NotPermitted
from apps.ledger import checkpoints, keys, retention, sealing, standing
from apps.ledger.models import Hold, LedgerEvent, PersonalText, SealEntry, Tombstone
from apps.ledger.protection import protect, unprotect
from apps.ledger.services import record
from apps.ledger.verification import verify
from apps.registry.models import Agent

YEARS = dt.timedelta(days=8 * 365)


@pytest.fixture
def old(key: keys.PublicKey, agent: Agent) -> int:
    """Events that were sealed eight years ago, and some of today; how many are old."""
    with acting(kind="person", id="7", label="Ines Duarte"):
        record(type="agent.suspended", object=agent, reason="Because of the audit.")
    with patch.object(sealing, "now", lambda: now() - YEARS):
        number = sealing.seal()
    checkpoints.write_file(checkpoints.make())
    record(type="run.started")
    sealing.seal()
    assert verify().intact
    return number


def test_the_period_is_seven_years_by_default_and_never_below_six_months(settings: Any) -> None:
    assert settings.LEDGER["RETENTION_DAYS"] == 2555
    settings.LEDGER = {**settings.LEDGER, "RETENTION_DAYS": 3}
    assert retention.kept_for().days == 183


def test_where_nothing_is_found_the_trail_says_what_was_purged(
    old: int, auditor: User, signed_in: Callable[[User], Client]
) -> None:
    page = signed_in(auditor)
    assert "Nothing was ever purged." in page.get("/audit/?q=nowhere").content.decode()
    stone = retention.purge()
    assert stone is not None
    shown = page.get("/audit/?q=elsewhere").content.decode()
    assert f"Events 1 to {old}" in shown
    assert f"/audit/{stone.event_id}" in shown


def test_a_purge_leaves_entries_and_a_tombstone_and_the_ledger_still_verifies(old: int) -> None:
    kept = LedgerEvent.objects.filter(type="ledger.key_made").count()
    stone = retention.purge()
    assert stone is not None
    assert (stone.first_seq, stone.last_seq, stone.count) == (1, old, old)
    assert SealEntry.objects.filter(seq__lte=old).count() == old
    sealing.seal()
    report = verify()
    assert report.intact, report.problems
    assert report.purged == old - kept
    assert f"the content of events 1–{old}, purged after their retention" in report.not_covered
    assert report.checkpoints == 1
    assert not PersonalText.objects.exists()
    assert retention.purge() is None


@pytest.mark.pg
def test_a_purge_takes_the_triggers_off_and_puts_them_back(old: int, settings: Any) -> None:
    settings.LEDGER_PROTECTED = True
    protect("default")
    try:
        assert retention.purge() is not None
        with pytest.raises(Exception, match="append-only"), connection.cursor() as cursor:
            cursor.execute("DELETE FROM ledger_ledgerevent")
    finally:
        connection.needs_rollback = False
        if connection.vendor == "sqlite":
            unprotect("default")


def test_a_tombstone_that_nobody_recorded_covers_nothing(old: int) -> None:
    ids = SealEntry.objects.filter(seq__lte=3).values_list("event_id", flat=True)
    LedgerEvent.objects.filter(pk__in=list(ids)).delete()
    Tombstone.objects.create(
        first_seq=1, last_seq=3, count=3, root="0" * 64, until=now(), at=now(),
        event_id=LedgerEvent.objects.latest("at").pk,
    )  # fmt: skip
    told = str(verify().problems)
    assert "no purge of them is on record" in told
    assert "are not those that were purged" in told


def test_a_hold_beats_a_purge(old: int, administrator: User, auditor: User) -> None:
    with pytest.raises(NotPermitted):
        keeping.open_hold(actor=auditor, name="Case 7", basis="Letter of the court")
    hold = keeping.open_hold(actor=administrator, name="Case 7", basis="Letter of the court")
    with pytest.raises(Conflict, match="Case 7"):
        retention.purge()
    with pytest.raises(CommandError, match="legal hold"):
        call_command("purge_ledger", "--yes")
    with pytest.raises(Invalid):
        keeping.lift_hold(actor=administrator, pk=hold.pk, reason=" ")
    keeping.lift_hold(actor=administrator, pk=hold.pk, reason="The case is closed.")
    with pytest.raises(Conflict):
        keeping.lift_hold(actor=administrator, pk=hold.pk, reason="Again.")
    assert retention.purge() is not None


def test_evidence_of_a_change_is_not_purged_with_what_was_changed(old: int) -> None:
    LedgerEvent.objects.filter(type="agent.suspended").update(outcome="failed")
    with pytest.raises(Conflict, match="does not verify"):
        retention.purge()


def test_the_command_says_first_what_it_would_do(
    old: int, capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("purge_ledger")
    assert f"Would purge events 1–{old}" in capsys.readouterr().out
    assert not Tombstone.objects.exists()
    call_command("purge_ledger", "--yes")
    assert "a tombstone remain" in capsys.readouterr().out
    call_command("purge_ledger")
    assert "No sealed event is older" in capsys.readouterr().out


def test_what_a_person_typed_can_be_erased_and_the_chain_holds(
    key: keys.PublicKey, agent: Agent, administrator: User, auditor: User
) -> None:
    with acting(kind="person", id="7", label="Ines Duarte"):
        event = record(type="agent.suspended", object=agent, reason="My private line, Zimmermann.")
    with acting(kind="person", id="8", label="Amara"):
        other = record(type="agent.resumed", object=agent, reason="Stays.")
    sealing.seal()
    assert event.reason == ""
    assert verify().texts == 2
    with pytest.raises(NotPermitted):
        keeping.erase_texts(actor=auditor, subject="person:7", reason="Asked.")
    with pytest.raises(Invalid):
        keeping.erase_texts(actor=administrator, subject="person:7", reason="")
    assert keeping.erase_texts(actor=administrator, subject="person:7", reason="Art. 17") == 1
    with pytest.raises(Invalid, match="Nothing that person:7 typed"):
        keeping.erase_texts(actor=administrator, subject="person:7", reason="Again")
    found = LedgerEvent.objects.select_related("personal").get(pk=event.pk)
    assert found.why == "Erased on request; its digest is kept."
    assert LedgerEvent.objects.get(pk=other.pk).why == "Stays."
    assert not everywhere("Zimmermann")
    sealing.seal()
    report = verify()
    assert report.intact, report.problems
    assert (report.texts, report.erased_texts) == (1, 1)
    assert "1 typed text erased on request (digests kept)" in report.not_covered


def everywhere(text: str) -> list[str]:
    """The tables of the ledger and of versions that still hold the text."""
    found = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names():
            if not table.startswith("ledger_") and "historical" not in table:
                continue
            cursor.execute(f'SELECT * FROM "{table}"')
            if text in str(cursor.fetchall()):
                found.append(table)
    return found


def test_the_command_erases(agent: Agent, capsys: pytest.CaptureFixture[str]) -> None:
    with acting(kind="person", id="7", label="Ines Duarte"):
        record(type="agent.suspended", object=agent, reason="Mine.")
    call_command("erase_text", "person:7", reason="Art. 17")
    assert "1 texts erased" in capsys.readouterr().out
    with pytest.raises(CommandError):
        call_command("erase_text", "person:7", reason="Art. 17")


def test_the_light_is_green_only_with_a_fresh_verification_and_a_checkpoint_outside(
    key: keys.PublicKey,
) -> None:
    from apps.ledger import verifying

    def verified() -> str:
        verifying.work_on(verifying.ask().pk)
        return standing.integrity().tone

    assert standing.integrity().word == "Not verified yet"
    sealing.seal()
    assert verified() == "warn", "No checkpoint is held outside."
    checkpoints.write_file(checkpoints.make())
    assert verified() == "ok"
    with patch.object(standing, "now", lambda: now() + dt.timedelta(hours=25)):
        assert standing.integrity().word == "Not verified today"
    SealEntry.objects.update(digest="0" * 64)
    assert verified() == "danger"
    assert "event 1" in standing.integrity().sentence.lower()


def test_what_is_kept_is_shown(old: int) -> None:
    assert standing.keeping().purgeable == old
    Hold(name="Case", basis="x", opened_by_label="x", opened_at=now()).save()
    retention_holds = standing.keeping().holds
    assert [str(hold) for hold in retention_holds] == ["Case"]
    assert standing.state().unsealed >= 0
