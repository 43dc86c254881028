"""Evidence packs: what a stranger can check with nothing but the ZIP and a fingerprint."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
import os
import resource
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.test import Client
from django.urls import reverse

from apps.access.models import User
from apps.audit.models import EvidencePack
from apps.audit.packs import build as building
from apps.audit.packs import services, verify
from apps.audit.packs.controls import CONTROLS, drawn
from apps.audit.views.packs import part_of
from apps.common.acting import acting
from apps.common.clock import now
from apps.common.errors import Absent, Conflict, Invalid, NotPermitted
from apps.ledger import keys
from apps.ledger.catalogue import ACTS
from apps.ledger.models import LedgerEvent
from apps.ledger.services import record
from apps.registry.models import Agent

SCRIPT = Path(verify.__file__)


@pytest.fixture
def key(db: None) -> keys.PublicKey:
    return keys.make_first()


@pytest.fixture
def ready(auditor: User, agent: Agent, key: keys.PublicKey) -> EvidencePack:
    """Sixty decisions, some with a typed reason, and a pack about them."""
    for number in range(60):
        with acting(kind="person", id="7", label="Ines Duarte"):
            record(
                type="approval.voted" if number % 10 else "approval.refused",
                object=agent,
                object_label=f"=C-{number}",
                outcome="approve" if number % 10 else "denied",
                reason=f"Seen no. {number}, 😀" if number % 3 else "",
                after={"😀": number, "n": [1, None]},
            )
    record(type="run.started")
    return made(auditor)


def made(actor: User, control: str = "GC-02", **more: Any) -> EvidencePack:
    moment = now()
    pack = services.ask_for_pack(
        actor=actor,
        control=control,
        since=moment - dt.timedelta(days=1),
        until=moment + dt.timedelta(days=1),
        **{"sample_size": 5, "seed": "8841", **more},
    )
    services.work_on(pack.pk)
    pack.refresh_from_db()
    return pack


@pytest.fixture
def unpacked(ready: EvidencePack, tmp_path: Path) -> Path:
    assert ready.status == "ready", ready.error
    with zipfile.ZipFile(ready.path) as archive:
        archive.extractall(tmp_path / "out")
    return tmp_path / "out" / ready.reference


def checked(folder: Path, *more: str) -> subprocess.CompletedProcess[str]:
    """In a process of its own, without our code, our packages and our database."""
    return subprocess.run(
        [sys.executable, "-I", "-S", str(folder / "verify.py"), *more],
        capture_output=True,
        text=True,
        env={"PATH": "/usr/bin", "PYTHONUTF8": "1"},
        cwd="/",
        check=False,
    )


def test_the_pack_holds_and_says_what_was_covered(
    ready: EvidencePack, unpacked: Path, key: keys.PublicKey
) -> None:
    found = checked(unpacked, "--fingerprint", key.fingerprint)
    assert found.returncode == 0, found.stdout + found.stderr
    assert "60 rows with their proofs" in found.stdout
    assert "40 typed texts" in found.stdout
    assert "sample of 5 drawn again" in found.stdout
    assert "version rows" in found.stdout
    assert found.stdout.rstrip().endswith("HOLDS.")
    assert ready.report["population"] == 60
    assert ready.report["exceptions"] == 6
    manifest = json.loads((unpacked / "MANIFEST.json").read_text())
    assert manifest["prepared_for"] == "Auditor"
    assert set(manifest["files"]) == {path.name for path in unpacked.iterdir()} - {
        "MANIFEST.json",
        "MANIFEST.sig",
    }


def test_without_a_fingerprint_it_says_that_the_signer_is_unknown(unpacked: Path) -> None:
    found = checked(unpacked)
    assert found.returncode == 2
    assert "give --fingerprint" in found.stdout


def test_a_fingerprint_of_somebody_else_refuses_the_pack(unpacked: Path) -> None:
    found = checked(unpacked, "--fingerprint", "0" * 64)
    assert found.returncode == 1
    assert "No key of this pack has the fingerprint" in found.stdout


def again(folder: Path) -> None:
    """The attacker fits the manifest's digests, as the pack's own text tells how."""
    path = folder / "MANIFEST.json"
    manifest = json.loads(path.read_text())
    for name in manifest["files"]:
        manifest["files"][name] = building.sha256(folder / name)
    path.write_text(json.dumps(manifest))


def replaced(folder: Path, name: str, old: str, new: str, times: int = -1) -> None:
    path = folder / name
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, times), encoding="utf-8")


TAMPERED: dict[str, tuple[Callable[[Path], None], str]] = {
    "a row's outcome": (
        lambda f: replaced(f, "population.jsonl", '"outcome":"denied"', '"outcome":"approve"', 1),
        "was changed",
    ),
    "a typed text": (
        lambda f: replaced(f, "population.jsonl", "Seen no. 1,", "Not seen 1,"),
        "was changed",
    ),
    "a row left out": (
        lambda f: drop_line(f / "population.jsonl", 3),
        "The order counts 60 rows, the population has 59",
    ),
    "a row left out of the order too": (
        lambda f: (drop_line(f / "population.jsonl", 3), unmark(f)),
        "The manifest counts another number of rows",
    ),
    "a row left out everywhere": (
        lambda f: (drop_line(f / "population.jsonl", 3), unmark(f), recounted(f)),
        "The manifest is not signed by a key that is trusted",
    ),
    "a number left out of the order": (
        lambda f: drop_line(f / "range.csv", 5),
        "is missing from the order",
    ),
    "a digest in the order": (
        lambda f: replaced(f, "range.csv", (f / "range.csv").read_text().split("\n")[2][2:66],
                           "0" * 64),
        "has another root than the order",
    ),
    "a seal": (lambda f: replaced(f, "seals.jsonl", '"count":', '"count": 1', 1), "BROKEN"),
    "the sample": (
        lambda f: redrawn(f),
        "The sample is not that of the seed",
    ),
    "a proof": (
        lambda f: replaced(f, "population.jsonl", '"proof":["', '"proof":["00'),
        "BROKEN",
    ),
    "the checkpoint's size": (lambda f: resized(f), "is not signed by the key"),
    "a version row": (
        lambda f: replaced(f, "history.jsonl", '"name":"', '"name":"Forged ', 1),
        "The version row",
    ),
    "the other key": (lambda f: rekeyed(f), "No key of this pack has the fingerprint"),
    "a missing file": (lambda f: (f / "exceptions.csv").unlink(), "is missing"),
}  # fmt: skip


def drop_line(path: Path, number: int) -> None:
    lines = path.read_text(encoding="utf-8").split("\n")
    del lines[number]
    path.write_text("\n".join(lines), encoding="utf-8")


def unmark(folder: Path) -> None:
    seqs = {json.loads(line)["seq"]
            for line in (folder / "population.jsonl").read_text().splitlines()}  # fmt: skip
    with (folder / "range.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    with (folder / "range.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, ["seq", "digest", "in_population"])
        writer.writeheader()
        for row in rows:
            row["in_population"] = "yes" if int(row["seq"]) in seqs else "no"
            writer.writerow(row)


def recounted(folder: Path) -> None:
    with (folder / "range.csv").open(newline="") as file:
        seqs = [int(row["seq"]) for row in csv.DictReader(file) if row["in_population"] == "yes"]
    path = folder / "MANIFEST.json"
    manifest = json.loads(path.read_text())
    manifest["population"] = len(seqs)
    manifest["sample"]["drawn"] = drawn("8841", 5, seqs)
    path.write_text(json.dumps(manifest))


def redrawn(folder: Path) -> None:
    path = folder / "MANIFEST.json"
    manifest = json.loads(path.read_text())
    manifest["sample"]["drawn"][0] += 1
    path.write_text(json.dumps(manifest))


def resized(folder: Path) -> None:
    path = folder / "checkpoint.txt"
    lines = path.read_text(encoding="utf-8").split("\n")
    lines[1] = str(int(lines[1]) + 1)
    path.write_text("\n".join(lines), encoding="utf-8")


def rekeyed(folder: Path) -> None:
    public = keys.raw(Ed25519PrivateKey.generate().public_key())
    path = folder / "keys.json"
    told = json.loads(path.read_text())
    told[0] |= {"public_key": public.hex()}
    path.write_text(json.dumps(told))


@pytest.mark.parametrize("what", sorted(TAMPERED))
def test_a_tampered_pack_is_broken_and_says_where(
    unpacked: Path, key: keys.PublicKey, what: str
) -> None:
    tamper, words = TAMPERED[what]
    tamper(unpacked)
    if (unpacked / "exceptions.csv").exists():
        again(unpacked)
    found = checked(unpacked, "--fingerprint", key.fingerprint)
    assert found.returncode == 1, found.stdout
    assert words in found.stdout


def test_a_flipped_byte_in_any_file_is_seen(unpacked: Path, key: keys.PublicKey) -> None:
    for path in sorted(unpacked.iterdir()):
        if path.name == "MANIFEST.json":
            path.write_bytes(path.read_bytes().replace(b"Auditor", b"Auditrix"))
            assert checked(unpacked, "--fingerprint", key.fingerprint).returncode == 1
            path.write_bytes(path.read_bytes().replace(b"Auditrix", b"Auditor"))
            continue
        kept = path.read_bytes()
        if path.name == "verify.py":
            flipped = kept + b"\n"
        else:
            middle = len(kept) // 2
            flipped = kept[:middle] + bytes([kept[middle] ^ 1]) + kept[middle + 1 :]
        path.write_bytes(flipped)
        assert checked(unpacked, "--fingerprint", key.fingerprint).returncode == 1, path.name
        path.write_bytes(kept)


def test_after_a_rotation_the_old_fingerprint_goes_on_and_a_lost_key_needs_the_new_one(
    ready: EvidencePack, auditor: User, key: keys.PublicKey, tmp_path: Path
) -> None:
    keys.rotate()
    record(type="run.started")
    assert unpack_and_check(made(auditor), tmp_path / "a", key.fingerprint).returncode == 0
    fresh = keys.replace_lost(reason="Gone.")
    record(type="run.started")
    later = made(auditor)
    assert unpack_and_check(later, tmp_path / "b", key.fingerprint).returncode == 1
    assert unpack_and_check(later, tmp_path / "c", fresh.fingerprint).returncode == 0


def unpack_and_check(
    pack: EvidencePack, folder: Path, fingerprint: str
) -> subprocess.CompletedProcess[str]:
    with zipfile.ZipFile(pack.path) as archive:
        archive.extractall(folder)
    return checked(folder / pack.reference, "--fingerprint", fingerprint)


def test_a_pack_without_a_key_says_that_nothing_vouches_for_it(
    auditor: User, agent: Agent, tmp_path: Path
) -> None:
    pack = made(auditor, "GC-05")
    found = unpack_and_check(pack, tmp_path / "out", "0" * 64)
    assert found.returncode == 2, found.stdout
    assert "no checkpoint vouches for it" in found.stdout


# RFC 8032, section 7.1: secret key left out; public key, message, signature.
VECTORS = [
    ("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
     "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b"
     "46bd25bf5f0595bbe24655141438e7a100b"),
    ("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
     "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11"
     "d8c387b2eaeb4302aeeb00d291612bb0c00"),
    ("fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
     "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc"
     "6594a7c15e9716ed28dc027beceea1ec40a"),
]  # fmt: skip


@pytest.mark.parametrize(("public", "message", "signature"), VECTORS)
def test_the_packs_own_ed25519_answers_as_the_rfc(
    public: str, message: str, signature: str
) -> None:
    key, words, mark = map(bytes.fromhex, (public, message, signature))
    assert verify.genuine(key, mark, words)
    assert not verify.genuine(key, mark, words + b"x")
    assert not verify.genuine(key, mark[:32] + bytes(32), words)
    assert not verify.genuine(key, mark[:-1], words)
    number = int.from_bytes(mark[32:], "little") + verify.L
    assert not verify.genuine(key, mark[:32] + number.to_bytes(32, "little"), words)


def test_it_agrees_with_the_servers_library_on_random_keys() -> None:
    for _ in range(5):
        key = Ed25519PrivateKey.generate()
        public, words = keys.raw(key.public_key()), os.urandom(40)
        mark = key.sign(words)
        assert verify.genuine(public, mark, words)
        flipped = bytes([mark[0] ^ 1]) + mark[1:]
        assert verify.genuine(public, flipped, words) == keys.genuine(public, flipped, words)


def test_the_script_imports_nothing_but_the_standard_library() -> None:
    names = {
        line.split()[1]
        for line in SCRIPT.read_text().splitlines()
        if line.startswith(("import ", "from "))
    }
    assert names <= set(sys.stdlib_module_names)


def test_a_formula_does_nothing_in_a_spreadsheet(unpacked: Path) -> None:
    with (unpacked / "population.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["object"] for row in rows} == {f"'=C-{number}" for number in range(60)}


def test_the_sample_depends_on_the_seed_alone() -> None:
    assert drawn("8841", 5, range(1, 413)) == drawn("8841", 5, reversed(range(1, 413)))
    assert drawn("8841", 5, range(1, 413)) != drawn("8842", 5, range(1, 413))
    assert drawn("1", 9, range(3)) == [0, 1, 2]


def test_every_act_of_the_catalogue_is_of_some_control() -> None:
    others = [control for code, control in CONTROLS.items() if code != "GC-00"]
    missed = [act for act in ACTS if not any(control.covers(act) for control in others)]
    assert missed == []
    assert all(CONTROLS["GC-00"].covers(act) for act in ACTS)
    exceptional = {act for control in others for act in control.exceptions}
    assert exceptional <= set(ACTS)


def test_a_period_without_events_fails_with_a_sentence(auditor: User, key: keys.PublicKey) -> None:
    pack = services.ask_for_pack(
        actor=auditor,
        control="GC-00",
        since=now() - dt.timedelta(days=400),
        until=now() - dt.timedelta(days=399),
    )
    services.work_on(pack.pk)
    pack.refresh_from_db()
    assert (pack.status, pack.error) == (
        "failed", "No sealed event is in this period. Choose another one.",
    )  # fmt: skip
    assert LedgerEvent.objects.filter(type="evidence.failed").count() == 1


def test_a_population_of_nothing_is_an_honest_pack(
    auditor: User, key: keys.PublicKey, tmp_path: Path
) -> None:
    pack = made(auditor, "GC-06")
    assert pack.report["population"] == 0
    assert unpack_and_check(pack, tmp_path / "out", key.fingerprint).returncode == 0


def test_who_may(auditor: User, member: User, stranger: User, ready: EvidencePack) -> None:
    for person in (member, stranger):
        with pytest.raises(NotPermitted):
            made(person)
        with pytest.raises(Absent):
            services.pack_numbered(person, ready.number)
    with pytest.raises(Invalid):
        made(auditor, "GC-99")
    with pytest.raises(Invalid):
        made(auditor, sample_size=5_000)


def test_a_worker_that_died_leaves_the_pack_to_the_next(ready: EvidencePack) -> None:
    services.work_on(ready.pk)
    EvidencePack.objects.filter(pk=ready.pk).update(status="building", lease_until=now())
    assert services.due() == [ready.pk]
    stale = EvidencePack.objects.get(pk=ready.pk)
    services.work_on(ready.pk)
    ready.refresh_from_db()
    assert ready.status == "ready"
    with pytest.raises(Conflict):
        services.go_on(stale, 1, 1)


def test_the_download_goes_on_where_it_broke_off(
    auditor: User, ready: EvidencePack, signed_in: Callable[[User], Client]
) -> None:
    client = signed_in(auditor)
    url = reverse("evidence:download", args=[ready.number])
    whole = client.get(url)
    content = b"".join(whole.streaming_content)
    assert content == ready.path.read_bytes()
    assert whole["Content-Length"] == str(len(content))
    rest = client.get(url, headers={"Range": "bytes=100-", "If-Range": whole["ETag"]})
    assert rest.status_code == 206
    assert rest["Content-Range"] == f"bytes 100-{len(content) - 1}/{len(content)}"
    assert content[:100] + b"".join(rest.streaming_content) == content
    other = client.get(url, headers={"Range": "bytes=100-", "If-Range": '"other"'})
    assert other.status_code == 200
    assert client.get(url, headers={"Range": f"bytes={len(content)}-"}).status_code == 416
    assert zipfile.ZipFile(io.BytesIO(content)).testzip() is None
    events = LedgerEvent.objects.filter(type="evidence.downloaded")
    assert events.count() == 1, "A download that goes on is one download."
    assert events.get().actor_label == "Auditor"


def test_ranges() -> None:
    assert part_of("", 10) == part_of("lines=1-2", 10) == part_of("bytes=-", 10) == (0, 10)
    assert part_of("bytes=2-4", 10) == (2, 5)
    assert part_of("bytes=-3", 10) == (7, 10)
    assert part_of("bytes=5-2", 10) is None


def test_the_pages(
    auditor: User, member: User, ready: EvidencePack, signed_in: Callable[[User], Client]
) -> None:
    client = signed_in(auditor)
    assert ready.reference in client.get("/evidence/").content.decode()
    shown = client.get(f"/evidence/EP-{ready.number}").content.decode()
    assert "random seed 8841" in shown
    assert "no number is missing" in shown
    wrong = client.post("/evidence/new", {"control": "GC-02", "since": "2026-02-01",
                                          "until": "2026-01-01", "sample_size": "5"})  # fmt: skip
    assert wrong.status_code == 422
    assert "ends before it begins" in wrong.content.decode()
    right = client.post("/evidence/new", {"control": "GC-02", "since": "2026-01-01",
                                          "until": "2026-02-01", "sample_size": "5"})  # fmt: skip
    assert right.status_code == 302
    waiting = client.get(right["Location"]).content.decode()
    assert "Waiting for a worker" in waiting
    unready = client.get(f"{right['Location']}/download")
    assert unready.status_code == 409
    ready.path.unlink()
    gone = client.get(f"/evidence/EP-{ready.number}/download")
    assert (gone.status_code, "Ask for the pack again" in gone.content.decode()) == (409, True)
    assert signed_in(member).get(f"/evidence/EP-{ready.number}").status_code == 404


@pytest.mark.slow
def test_memory_does_not_grow_with_the_population(auditor: User, key: keys.PublicKey) -> None:
    many(500)
    made(auditor, "GC-00")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    many(20_000)
    pack = made(auditor, "GC-00")
    assert pack.report["population"] > 20_000
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 60 * 1024, f"{grown // 1024} MB"


def many(number: int) -> None:
    for _ in range(number):
        record(type="run.started", after={"x": "y" * 500}, at=now())


@pytest.fixture(autouse=True)
def tidy(tmp_path: Path) -> Iterator[None]:
    yield
    shutil.rmtree(tmp_path / "packs", ignore_errors=True)
