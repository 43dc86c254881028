"""Whoever owns the database and changes what is sealed is found out, and told where.

The attacker here writes SQL as the owner of the tables, triggers gone, and knows our code; only the
private key and what stands outside the database is out of reach. On SQLite and on PostgreSQL.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.db import connection, models, transaction

from apps.common.acting import acting
from apps.common.rows import insert
from apps.ledger import checkpoints, keys, sealing
from apps.ledger.merkle import Frontier, leaf_hash, root_of
from apps.ledger.models import Checkpoint, LedgerEvent, PersonalText, Seal, SealEntry, Verification
from apps.ledger.models.seals import START
from apps.ledger.notes import fingerprint
from apps.ledger.services import record
from apps.ledger.verification import Report, verify
from apps.registry.models import Agent

pytestmark = pytest.mark.pg
OTHER: dict[type[models.Field], Any] = {
    models.UUIDField: uuid.UUID(int=99),
    models.DateTimeField: "2020-01-01 00:00:00+00:00",
    models.DateField: "2020-01-01",
    models.JSONField: '{"forged": true}',
    models.CharField: "forged",
    models.TextField: "forged",
    models.BooleanField: True,
    models.IntegerField: 9,
    models.DecimalField: "9.5",
}


@dataclass
class World:
    vote: LedgerEvent
    action: LedgerEvent
    agent: Agent

    def place(self, event: LedgerEvent) -> int:
        return SealEntry.objects.get(event_id=event.pk).seq


@pytest.fixture
def world(agent: Agent, key: keys.PublicKey) -> World:
    """A few governed acts, sealed in three seals, with a checkpoint after the second."""
    sealing.seal()
    with acting(kind="person", id="7", label="Ines Duarte"):
        vote = record(type="approval.voted", object=agent, outcome="approve", reason="Seen it.")
    action = record(
        type="action.allowed", object=agent, outcome="allowed", policy_versions={"payments": 3},
        after={"amount": "100"}, data_used=[{"ref": "invoice-1"}], run_id=uuid.uuid4(),
    )  # fmt: skip
    sealing.seal()
    checkpoints.write_file(make_checkpoint())
    with transaction.atomic():
        agent.name = "Renamed"
        agent.save()
        record(type="agent.changed", object=agent)
    record(type="run.finished")
    sealing.seal()
    report = verify()
    assert report.intact, report.problems
    assert report.outside == 1
    return World(vote, action, agent)


def make_checkpoint() -> Checkpoint:
    made = checkpoints.make()
    assert made is not None
    return made


def run(sql: str, *values: Any) -> int:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return int(cursor.rowcount)


def change(row: models.Model, field: models.Field[Any, Any], value: Any) -> None:
    key = row._meta.pk
    changed = run(
        f'UPDATE "{row._meta.db_table}" SET "{field.column}" = %s WHERE "{key.column}" = %s',
        field.get_db_prep_save(value, connection)
        if not isinstance(field, models.JSONField)
        else value,
        key.get_db_prep_value(row.pk, connection),
    )
    assert changed == 1


def caught(*, at: int | None = None, words: str = "") -> Report:
    report = verify()
    assert not report.intact, "Nobody noticed."
    if at is not None:
        assert at in [problem["seq"] for problem in report.problems], report.problems
    told = " ".join(problem["sentence"] for problem in report.problems)
    assert words in told, told
    assert report.verdict.startswith("Broken: ")
    return report


EVENT_FIELDS = [field.name for field in LedgerEvent._meta.concrete_fields]
HISTORY_FIELDS = [
    field.name for field in Agent.history.model._meta.concrete_fields if field.name != "history_id"
]


def other(field: models.Field[Any, Any], value: Any) -> Any:
    """A value of the field's kind that is not the one it has."""
    if field.choices:
        return next(choice for choice, _ in field.flatchoices if choice != value)
    for kind, found in OTHER.items():
        if isinstance(field, kind):
            return (not value) if kind is models.BooleanField else found
    return int(value or 0) + 7


@pytest.mark.parametrize("name", EVENT_FIELDS)
def test_any_field_of_an_event(world: World, name: str) -> None:
    field = LedgerEvent._meta.get_field(name)
    seq = world.place(world.action)
    change(world.action, field, other(field, getattr(world.action, field.attname)))
    caught(at=seq, words=f"Event {seq}")


@pytest.mark.parametrize("name", HISTORY_FIELDS)
def test_any_field_of_a_history_row(world: World, name: str) -> None:
    row = world.agent.history.latest("history_id")
    field = row._meta.get_field(name)
    change(row, field, other(field, getattr(row, field.attname)))
    caught(words=f"The history row registry.historicalagent {row.pk} is not as")


def test_a_forged_approver(world: World) -> None:
    run("UPDATE ledger_ledgerevent SET actor_label = 'Amara', actor_id = '8' WHERE type = %s",
        "approval.voted")  # fmt: skip
    caught(at=world.place(world.vote), words="(approval.voted) was changed")


def test_a_forged_policy_version_with_a_fresh_digest(world: World) -> None:
    event = LedgerEvent.objects.get(pk=world.action.pk)
    event.policy_versions = {"payments": 4}
    LedgerEvent.objects.filter(pk=event.pk).update(
        policy_versions=event.policy_versions, digest=event.computed_digest()
    )
    caught(at=world.place(event), words="was rewritten together with its digest")


def test_a_forged_policy_version_with_fresh_hashes_up_to_the_seal(world: World) -> None:
    """Event, entry and every seal counted anew: the signature and the checkpoint remain."""
    event = LedgerEvent.objects.get(pk=world.action.pk)
    event.policy_versions = {"payments": 4}
    LedgerEvent.objects.filter(pk=event.pk).update(
        policy_versions=event.policy_versions, digest=event.computed_digest()
    )
    chain_anew()
    report = caught(words="are not those that checkpoint 1 signed")
    assert "The signature of seal" in str(report.problems)


def chain_anew(key: Ed25519PrivateKey | None = None) -> None:
    """What an attacker does who has read our code."""
    digests = dict(LedgerEvent.objects.values_list("pk", "digest"))
    for entry in SealEntry.objects.all():
        SealEntry.objects.filter(pk=entry.pk).update(digest=digests[entry.event_id])
    before = START
    for seal in Seal.objects.order_by("number"):
        entries = SealEntry.objects.filter(seq__range=(seal.first_seq, seal.last_seq))
        marks = entries.order_by("seq").values_list("digest", flat=True)
        seal.merkle_root = root_of(bytes.fromhex(mark) for mark in marks).hex()
        seal.prev_hash = before
        if key:
            seal.key = fingerprint(keys.raw(key.public_key()))
        seal.hash = before = seal.computed_hash()
        if key:
            seal.signature = key.sign(bytes.fromhex(seal.hash)).hex()
        Seal.objects.filter(pk=seal.pk).update(
            **{name: getattr(seal, name) for name in
               ("merkle_root", "prev_hash", "hash", "key", "signature")}
        )  # fmt: skip


@pytest.mark.parametrize("table", ["ledgerevent", "sealentry"])
def test_blanked_digests(world: World, table: str) -> None:
    run(f"UPDATE ledger_{table} SET digest = ''")
    caught(at=1)


def test_blanked_hashes_of_seals(world: World) -> None:
    run("UPDATE ledger_seal SET hash = '', signature = '' WHERE number = 2")
    caught(words="Seal 2 was changed")


def test_one_event_deleted(world: World) -> None:
    seq = world.place(world.vote)
    run("DELETE FROM ledger_ledgerevent WHERE type = 'approval.voted'")
    caught(at=seq, words=f"Event {seq} was sealed, and is gone")


def test_one_event_deleted_with_its_entry(world: World) -> None:
    seq = world.place(world.vote)
    run("DELETE FROM ledger_ledgerevent WHERE type = 'approval.voted'")
    run("DELETE FROM ledger_sealentry WHERE seq = %s", seq)
    caught(at=seq, words=f"Entry {seq} of the order of events: gone")


def test_the_newest_event_deleted_with_entry_and_seal(world: World) -> None:
    """Nothing inside the database remembers it: the last seal stands outside as well."""
    last = Seal.objects.latest("number")
    ids = SealEntry.objects.filter(seq__gte=last.first_seq).values_list("event_id", flat=True)
    LedgerEvent.objects.filter(pk__in=list(ids)).delete()
    run("DELETE FROM ledger_sealentry WHERE seq >= %s", last.first_seq)
    run("DELETE FROM ledger_seal WHERE number = %s", last.number)
    caught(words="The newest seals are gone: seal 3")


def test_the_newest_checkpoint_deleted(world: World) -> None:
    run("DELETE FROM ledger_checkpoint")
    caught(words="checkpoint-00000001.txt was written outside")


@pytest.mark.parametrize("with_head", [True, False])
def test_everything_deleted(world: World, with_head: bool) -> None:
    if not with_head:
        sealing.head_path().unlink()
    for table in ("ledgerevent", "sealentry", "seal", "checkpoint", "personaltext"):
        run(f"DELETE FROM ledger_{table}")
    caught(words="The newest seals are gone" if with_head else "was written outside")


def test_everything_rewritten_with_fresh_hashes_and_a_key_of_the_attackers(world: World) -> None:
    mine = Ed25519PrivateKey.generate()
    public = keys.raw(mine.public_key())
    for event in LedgerEvent.objects.all():
        if event.type == "ledger.key_made":
            event.after = {**event.after, "public_key": public.hex()}
        event.actor_label = event.actor_label.replace("Ines Duarte", "Amara")
        LedgerEvent.objects.filter(pk=event.pk).update(
            actor_label=event.actor_label, after=event.after, digest=event.computed_digest()
        )
    chain_anew(mine)
    sign_anew(mine, public)
    report = caught(words="in the database is not the one in its file")
    assert "is not the one that was written outside" in str(report.problems)


def sign_anew(key: Ed25519PrivateKey, public: bytes) -> None:
    tree = Frontier()
    made = Checkpoint.objects.get()
    entries = SealEntry.objects.filter(seq__lte=made.size).order_by("seq")
    for mark in entries.values_list("digest", flat=True):
        tree.add(leaf_hash(bytes.fromhex(mark)))
    made.root = tree.root().hex()
    made.frontier = [root.hex() for root in tree.roots]
    made.key = fingerprint(public)
    made.note = checkpoints.signed_note(made, keys.PublicKey(made.key, public, LedgerEvent()), key)
    made.hash = made.computed_hash()
    made.save()


def test_a_pinned_key_needs_nothing_outside(
    world: World, key: keys.PublicKey, settings: Any
) -> None:
    """Even with the folder gone: who compared the fingerprint once sees the other key."""
    test_everything_rewritten_with_fresh_hashes_and_a_key_of_the_attackers(world)
    folder = Path(settings.LEDGER["CHECKPOINT_DIR"])
    for path in folder.iterdir():
        path.unlink()
    assert verify().intact, "Without files and without a pin the whole can be rewritten."
    settings.LEDGER = {**settings.LEDGER, "FINGERPRINTS": [key.fingerprint]}
    caught(words="is signed by a key that is not the ledger's")


def test_the_tail_after_the_last_checkpoint_rewritten(world: World) -> None:
    event = LedgerEvent.objects.get(type="run.finished")
    event.outcome = "failed"
    LedgerEvent.objects.filter(pk=event.pk).update(outcome="failed", digest=event.computed_digest())
    chain_anew()
    report = caught(words="The signature of seal 3 does not belong to it")
    assert "Seal 3 is not the one that was written outside" in str(report.problems)


def test_an_event_inserted_among_the_sealed(world: World) -> None:
    forged = fresh(world.vote, outcome="reject")
    insert(forged)
    seq = world.place(world.vote)
    for entry in SealEntry.objects.filter(seq__gte=seq).order_by("-seq"):
        run("UPDATE ledger_sealentry SET seq = %s WHERE seq = %s", entry.seq + 1, entry.seq)
    SealEntry.objects.create(seq=seq, event_id=forged.pk, digest=forged.digest)
    caught(words="has another root")


def fresh(event: LedgerEvent, **changes: Any) -> LedgerEvent:
    values = {field.attname: getattr(event, field.attname) for field in event._meta.concrete_fields}
    made = LedgerEvent(**{**values, "id": uuid.uuid4(), "reason_digest": "", **changes})
    made.digest = made.computed_digest()
    return made


def test_an_event_inserted_past_the_sealer_is_counted_as_not_sealed(world: World) -> None:
    insert(fresh(world.vote, outcome="reject"))
    report = verify()
    assert report.unsealed == 1
    assert "1 event not sealed yet" in report.not_covered


def test_an_unsealed_event_that_was_changed(world: World) -> None:
    made = fresh(world.vote)
    made.digest = world.vote.digest
    insert(made)
    caught(words="An event that is not sealed (approval.voted,")


def test_two_events_that_changed_places(world: World) -> None:
    first, second = SealEntry.objects.order_by("seq")[:2]
    swap = [(second, first.seq), (first, second.seq)]
    SealEntry.objects.filter(pk__in=[first.pk, second.pk]).delete()
    for entry, seq in swap:
        SealEntry.objects.create(seq=seq, event_id=entry.event_id, digest=entry.digest)
    caught(words="two changed places")


def test_a_history_row_deleted(world: World) -> None:
    row = world.agent.history.latest("history_id")
    run("DELETE FROM registry_historicalagent WHERE history_id = %s", row.pk)
    caught(words=f"The history row registry.historicalagent {row.pk}, which event")


def test_a_history_row_inserted_is_counted_as_bound_by_nobody(world: World) -> None:
    row = world.agent.history.latest("history_id")
    row.pk, row.name = None, "Never so"
    models.Model.save(row)
    report = verify()
    assert report.unbound_rows >= 1
    assert f"registry.historicalagent {row.pk}" in report.not_covered


def test_a_seal_taken_out_of_the_chain(world: World) -> None:
    run("DELETE FROM ledger_seal WHERE number = 2")
    caught(words="Seal 2 is gone")


@pytest.mark.parametrize("name", ["number", "kind", "at", "size", "root", "frontier", "key",
                                  "note", "prev_hash", "hash"])  # fmt: skip
def test_any_field_of_a_checkpoint(world: World, name: str) -> None:
    row = Checkpoint.objects.get()
    field = Checkpoint._meta.get_field(name)
    change(row, field, other(field, getattr(row, field.attname)))
    caught()


@pytest.mark.parametrize("name", [field.name for field in Seal._meta.concrete_fields])
def test_any_field_of_a_seal(world: World, name: str) -> None:
    row = Seal.objects.get(number=2)
    field = Seal._meta.get_field(name)
    if name in ("count", "first_seq", "last_seq"):
        run("UPDATE ledger_seal SET first_seq = first_seq + 1, count = count - 1 WHERE number = 2")
    else:
        change(row, field, other(field, getattr(row, field.attname)))
    caught()


def test_a_typed_text_changed(world: World) -> None:
    run("UPDATE ledger_personaltext SET text = 'I never looked.'")
    caught(at=world.place(world.vote), words="was changed")


def test_a_typed_text_taken_away_without_an_erasure(world: World) -> None:
    PersonalText.objects.all().delete()
    caught(at=world.place(world.vote), words="no erasure is on record")


def test_a_flipped_byte_in_a_checkpoint_file(world: World) -> None:
    path = checkpoints.folder() / Checkpoint.objects.get().file_name
    path.write_text(path.read_text().replace("checkpoint 1", "checkpoint 2"))
    caught(words="Checkpoint 1 in the database is not the one in its file")


def test_what_is_not_part_of_the_record_changes_nothing(world: World) -> None:
    """The negative control: the battery does not simply always cry."""
    Verification.objects.create(asked_by_label="x", created_at=world.vote.at)
    Agent.objects.filter(pk=world.agent.pk)
    assert verify().intact
