"""Checkpoints: what is signed, by whom, where it stands, and what if something is gone."""

from __future__ import annotations

import base64
import datetime as dt
import stat
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from django.core import mail
from django.core.management import CommandError, call_command
from django.db import transaction

from apps.common.errors import Conflict, Invalid
from apps.ledger import checkpoints, keys, notes, sealing
from apps.ledger.merkle import root_of
from apps.ledger.models import Checkpoint, LedgerEvent, Seal, SealEntry
from apps.ledger.services import record
from apps.ledger.verification import verify


def write(number: int = 1) -> None:
    for _ in range(number):
        record(type="run.started")
    sealing.seal()


def made(kind: str = "hourly") -> Checkpoint:
    found = checkpoints.make(kind)
    assert found is not None
    checkpoints.write_file(found)
    return found


def test_a_checkpoint_says_size_and_root_in_lines_that_a_person_can_paste(
    key: keys.PublicKey,
) -> None:
    write(4)
    note = notes.read(made().note)
    marks = SealEntry.objects.order_by("seq").values_list("digest", flat=True)
    assert (note.origin, note.size, note.number) == ("agent-council/ledger", 5, 1)
    assert note.root == root_of(bytes.fromhex(mark) for mark in marks)
    lines = made_text().split("\n")
    assert lines[:3] == ["agent-council/ledger", "5", base64.b64encode(note.root).decode()]
    assert lines[4] == ""
    assert lines[5].startswith("— agent-council/ledger ")
    signature = notes.signature_by(note, key.public)
    assert signature is not None
    assert keys.genuine(key.public, signature, note.text.encode())
    assert not keys.genuine(key.public, signature, note.text.encode() + b" ")


def made_text() -> str:
    return Checkpoint.objects.latest("number").note


def test_checkpoints_go_on_from_each_other_and_are_chained(key: keys.PublicKey) -> None:
    write(3)
    first = made()
    write(6)
    second = made()
    assert second.prev_hash == first.hash
    assert notes.read(second.note).prev_hash == first.hash
    report = verify()
    assert report.intact, report.problems
    assert report.checkpoints == report.outside == 2
    assert "checkpoints 1–2" in report.covered


def test_what_is_due_is_hourly_or_daily_and_nothing_when_nothing_happened(
    key: keys.PublicKey,
) -> None:
    write()
    assert checkpoints.keep().kind == "daily"
    assert checkpoints.keep() is None
    write()
    later = checkpoints.now() + dt.timedelta(hours=1, seconds=1)
    assert checkpoints.due(later) == "hourly"
    assert checkpoints.due(later + dt.timedelta(hours=23)) == "daily"
    with patch.object(checkpoints, "now", lambda: later):
        assert checkpoints.keep().kind == "hourly"
        assert checkpoints.due(later + dt.timedelta(hours=2)) == ""


def test_a_demonstration_makes_its_key_itself_and_nobody_else_does(db: None, settings: Any) -> None:
    write()
    assert checkpoints.keep() is None
    settings.LEDGER = {**settings.LEDGER, "MAKES_KEY": True}
    write()
    assert checkpoints.keep() is not None


def test_it_is_filed_and_mailed(
    key: keys.PublicKey, settings: Any, django_capture_on_commit_callbacks: Any
) -> None:
    settings.LEDGER = {**settings.LEDGER, "CHECKPOINT_MAIL": ["notary@example.org"]}
    write()
    with django_capture_on_commit_callbacks(execute=True):
        found = checkpoints.make()
    path = checkpoints.folder() / "checkpoint-00000001.txt"
    assert path.read_text() == found.note == mail.outbox[0].body
    assert mail.outbox[0].to == ["notary@example.org"]


def test_two_makers_leave_one_checkpoint(key: keys.PublicKey) -> None:
    write()
    first = made()
    with (
        transaction.atomic(),
        patch.object(Checkpoint.objects, "order_by", lambda *names: Checkpoint.objects.none()),
    ):
        assert checkpoints.make() is None
    assert Checkpoint.objects.get() == first


def test_a_folder_that_is_away_is_caught_up_later(key: keys.PublicKey, settings: Any) -> None:
    blocked = Path(settings.LEDGER["KEY_DIR"]) / "file"
    blocked.write_text("in the way")
    right = settings.LEDGER["CHECKPOINT_DIR"]
    settings.LEDGER = {**settings.LEDGER, "CHECKPOINT_DIR": blocked}
    write()
    assert checkpoints.keep() is not None
    report = verify()
    assert report.intact
    assert "1 checkpoint file missing outside, the first is number 1" in report.not_covered
    settings.LEDGER = {**settings.LEDGER, "CHECKPOINT_DIR": right}
    assert checkpoints.keep() is None
    assert verify().outside == 1


def test_an_old_file_that_is_gone_is_told_and_not_quietly_put_back(key: keys.PublicKey) -> None:
    for _ in range(5):
        write()
        made()
    (checkpoints.folder() / "checkpoint-00000001.txt").unlink()
    checkpoints.write_missing()
    report = verify()
    assert report.intact
    assert report.outside == 4
    assert "the first is number 1" in report.not_covered


def test_a_private_key_is_its_owners_alone(key: keys.PublicKey) -> None:
    path = keys.path_of(key.fingerprint)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    event = LedgerEvent.objects.get(type="ledger.key_made")
    assert event.after["fingerprint"] == key.fingerprint == notes.fingerprint(key.public)
    assert "PRIVATE" not in str(LedgerEvent.objects.values())
    path.chmod(0o644)
    with pytest.raises(keys.KeyMissing, match="open to others"):
        keys.signer()


def test_a_file_that_is_not_the_key_is_refused(key: keys.PublicKey) -> None:
    path = keys.path_of(key.fingerprint)
    path.write_text("nonsense")
    with pytest.raises(keys.KeyMissing, match="holds no key"):
        keys.signer()
    path.unlink()
    keys.write_new(path)
    with pytest.raises(keys.KeyMissing, match="does not belong"):
        checkpoints.make()


def test_rotation_is_endorsed_and_the_pin_on_the_old_key_goes_on(
    key: keys.PublicKey, settings: Any
) -> None:
    write()
    made()
    second = keys.rotate()
    assert second.endorsed
    write()
    made()
    settings.LEDGER = {**settings.LEDGER, "FINGERPRINTS": [key.fingerprint]}
    report = verify()
    assert report.intact, report.problems
    assert sorted(report.keys) == sorted([key.fingerprint, second.fingerprint])
    assert Checkpoint.objects.latest("number").key == second.fingerprint
    assert Seal.objects.latest("number").key == second.fingerprint


def test_a_lost_key_is_replaced_by_one_that_must_be_compared_anew(
    key: keys.PublicKey, settings: Any
) -> None:
    write()
    made()
    keys.path_of(key.fingerprint).unlink()
    write()
    with pytest.raises(keys.KeyMissing):
        checkpoints.make()
    with pytest.raises(keys.KeyMissing):
        keys.rotate()
    with pytest.raises(Invalid):
        keys.replace_lost(reason=" ")
    fresh = keys.replace_lost(reason="The disk broke.")
    assert fresh.lost_before
    assert not fresh.endorsed
    write()
    made()
    assert verify().intact
    settings.LEDGER = {**settings.LEDGER, "FINGERPRINTS": [key.fingerprint]}
    assert "a key that is not the ledger's" in verify().verdict
    settings.LEDGER = {**settings.LEDGER, "FINGERPRINTS": [key.fingerprint, fresh.fingerprint]}
    assert verify().intact


def test_the_second_holder_signs_what_they_counted_again(
    key: keys.PublicKey, tmp_path: Path, django_capture_on_commit_callbacks: Any
) -> None:
    write()
    first = made("daily")
    second = tmp_path / "second.pem"
    public, _ = keys.write_new(second)
    with django_capture_on_commit_callbacks(execute=True):
        row = checkpoints.cosign(first.number, second)
    text = (checkpoints.folder() / first.file_name).read_text()
    note = notes.read(text)
    name, data = note.signatures[1]
    at = int.from_bytes(data[4:12], "big")
    assert name == "agent-council/ledger/witness"
    assert data[:4] == notes.key_hash(name, public, notes.COSIGNATURE)
    assert keys.genuine(public, data[12:], notes.cosigned_message(note.text, at))
    assert row.key == notes.fingerprint(public)
    with pytest.raises(Conflict):
        checkpoints.cosign(first.number, second)
    assert verify().intact, "A file with a second signature is the same checkpoint."


def test_the_second_holder_never_signs_a_ledger_that_went_another_way(
    key: keys.PublicKey, tmp_path: Path
) -> None:
    second = tmp_path / "second.pem"
    keys.write_new(second)
    write()
    checkpoints.cosign(made("daily").number, second)
    write()
    later = made("daily")
    SealEntry.objects.filter(seq=1).update(digest="0" * 64)
    with pytest.raises(Invalid, match="do not sign"):
        checkpoints.cosign(later.number, second)
    with pytest.raises(Invalid, match="another key"):
        checkpoints.cosign(later.number, keys.path_of(key.fingerprint))


def test_the_commands(db: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("ledger_key", "list")
    assert "has no key" in capsys.readouterr().out
    with pytest.raises(CommandError, match="ledger_key new"):
        call_command("ledger_key", "rotate")
    call_command("ledger_key", "new")
    with pytest.raises(CommandError, match="has a key already"):
        call_command("ledger_key", "new")
    call_command("ledger_key", "rotate")
    call_command("ledger_key", "list")
    assert capsys.readouterr().out.count("private key here") == 2
    call_command("ledger_key", "checkpoint", "--daily")
    call_command("ledger_key", "witness", file=tmp_path / "second.pem")
    call_command("ledger_key", "cosign", file=tmp_path / "second.pem")
    assert "Checkpoint 1 signed by" in capsys.readouterr().out
    with pytest.raises(CommandError, match="--file"):
        call_command("ledger_key", "witness")
    call_command("verify_ledger")
    out = capsys.readouterr().out
    assert "Covered: events 1–2, seal 1, checkpoint 1" in out
    assert "Intact to event 2." in out
    Seal.objects.update(merkle_root="0" * 64)
    with pytest.raises(CommandError, match="Broken: "):
        call_command("verify_ledger")


@pytest.mark.parametrize(
    "text",
    ["", "a\nb\nc\nd\n\n", "o\n5\n!!\ncheckpoint 1 x " + "0" * 64 + "\n\n— o AAAA\n",
     "o\n5\nAAAA\nnothing\n\n— o AAAA\n", "o\n5\nAAAA\ncheckpoint 1 x " + "0" * 64 + "\n\nno\n"],
)  # fmt: skip
def test_a_text_that_is_no_checkpoint_is_refused(text: str) -> None:
    with pytest.raises(notes.Malformed):
        notes.read(text)
