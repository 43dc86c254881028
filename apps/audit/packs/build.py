"""Building a pack: one pass over the order of events, a few thousand at a time, into files and then
a ZIP. Memory does not grow with the population."""

from __future__ import annotations

import csv
import hashlib
import json
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.db.models import Max, Min, OuterRef, Subquery
from django.template.loader import render_to_string

from apps.audit.models import EvidencePack
from apps.audit.packs.controls import CONTROLS, Control, drawn
from apps.audit.packs.proofs import Tree
from apps.common.canonical import canonical, moment, plain
from apps.common.clock import now
from apps.ledger import checkpoints, keys, sealing
from apps.ledger.catalogue import sentence
from apps.ledger.models import Checkpoint, LedgerEvent, Seal, SealEntry, Tombstone
from apps.ledger.services import values_of
from apps.ledger.verification.bindings import model_named

CHUNK = 2_000
SHOWN = 200
FORMULA = ("=", "+", "-", "@", "\t", "\r")
COLUMNS = ("seq", "at", "type", "act", "actor_kind", "actor", "on_behalf_of", "object_type",
           "object_id", "object", "outcome", "reason", "policies", "run", "digest")  # fmt: skip
Progress = Callable[[int, int], None]


class NothingThere(Exception):
    """The pack would be empty; the sentence says what was looked for."""


@dataclass
class Built:
    """What the row of the pack keeps of what was built."""

    path: Path
    sha256: str
    report: dict[str, Any]


@dataclass
class Found:
    """What one pass counts; the rows themselves go to files."""

    population: int = 0
    exceptions: int = 0
    history: int = 0


def build(pack: EvidencePack, progress: Progress) -> Built:
    """Writes the ZIP. Raises NothingThere when no event of the period is sealed."""
    sealing.seal(everything=True)
    with tempfile.TemporaryDirectory(prefix="pack-", dir=made_folder(pack.path.parent)) as name:
        return Building(pack, Path(name), progress).run()


def made_folder(path: Path) -> Path:
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    return path


class Building:
    def __init__(self, pack: EvidencePack, folder: Path, progress: Progress) -> None:
        self.pack = pack
        self.folder = folder
        self.progress = progress
        self.control: Control = CONTROLS[pack.control]
        self.found = Found()

    def run(self) -> Built:
        self.seals = self.seals_of_the_period()
        self.first, self.last = self.seals[0].first_seq, self.seals[-1].last_seq
        self.checkpoint = covering(self.last)
        with ExitStack() as stack:
            self.tree = (
                stack.enter_context(Tree(self.folder / "tree", self.checkpoint.size))
                if self.checkpoint
                else None
            )
            self.walk(stack)
        drawn_seqs = drawn(self.pack.seed, self.pack.sample_size, self.population())
        self.parts(set(drawn_seqs))
        self.surroundings()
        manifest = self.manifest(drawn_seqs)
        self.page(manifest)
        manifest["files"] = {path.name: sha256(path) for path in sorted(self.folder.iterdir())}
        (self.folder / "MANIFEST.json").write_text(
            json.dumps(manifest, indent=2, ensure_ascii=False, sort_keys=True) + "\n"
        )
        self.sign()
        return self.zipped(manifest)

    def sign(self) -> None:
        """Under the manifest, which names every file by its digest; nothing without the key."""
        try:
            signer = keys.signer()
        except keys.KeyMissing:
            return
        if signer is None:
            return
        public, key = signer
        message = b"council evidence pack " + sha256(self.folder / "MANIFEST.json").encode()
        said = {"key": public.fingerprint, "signature": key.sign(message).hex()}
        (self.folder / "MANIFEST.sig").write_text(json.dumps(said) + "\n")

    def seals_of_the_period(self) -> list[Seal]:
        """The seals from the first to the last event of the period: whole, so that each root can
        be counted again."""
        moments = LedgerEvent.objects.filter(pk=OuterRef("event_id")).values("at")[:1]
        entries = SealEntry.objects.annotate(at=Subquery(moments)).filter(
            at__gte=self.pack.since, at__lt=self.pack.until
        )
        ends = entries.aggregate(first=Min("seq"), last=Max("seq"))
        if ends["first"] is None:
            raise NothingThere("No sealed event is in this period. Choose another one.")
        return list(
            Seal.objects.filter(last_seq__gte=ends["first"], first_seq__lte=ends["last"]).order_by(
                "number"
            )
        )

    def walk(self, stack: ExitStack) -> None:
        """Order, population, exceptions and history rows, in the order of the ledger."""

        def opened(name: str) -> Any:
            path = self.folder / name
            return stack.enter_context(path.open("w", encoding="utf-8", newline=""))

        order = csv.writer(opened("range.csv"))
        order.writerow(["seq", "digest", "in_population"])
        table = csv.writer(opened("population.csv"))
        table.writerow(COLUMNS)
        lines, history = opened("population.jsonl"), opened("history.jsonl")
        total = self.last - self.first + 1
        for entries in self.chunks():
            events = self.population_of(entries)
            for entry in entries:
                event = events.get(entry.event_id)
                order.writerow([entry.seq, entry.digest, "yes" if event else "no"])
                if event is not None:
                    self.found.population += 1
                    lines.write(self.line(entry, event))
                    table.writerow(cells(entry.seq, event))
            self.found.history += write_history(history, list(events.values()))
            self.progress(entries[-1].seq - self.first + 1, total)

    def chunks(self) -> Iterator[list[SealEntry]]:
        after = self.first - 1
        while entries := list(
            SealEntry.objects.filter(seq__gt=after, seq__lte=self.last).order_by("seq")[:CHUNK]
        ):
            yield entries
            after = entries[-1].seq

    def population_of(self, entries: list[SealEntry]) -> dict[Any, LedgerEvent]:
        events = LedgerEvent.objects.filter(
            pk__in=[entry.event_id for entry in entries],
            at__gte=self.pack.since,
            at__lt=self.pack.until,
        ).select_related("personal")
        return {event.pk: event for event in events if self.control.covers(event.type)}

    def line(self, entry: SealEntry, event: LedgerEvent) -> str:
        kept = getattr(event, "personal", None)
        typed = (
            f',"salt":"{kept.salt}","text":{canonical(kept.text).decode()}'
            if kept is not None and kept.salt
            else ""
        )
        proof = json.dumps(self.tree.proof(entry.seq)) if self.tree else "[]"
        content = canonical(event.content()).decode()
        return (
            f'{{"seq":{entry.seq},"digest":"{entry.digest}","proof":{proof}'
            f'{typed},"content":{content}}}\n'
        )

    def population(self) -> Iterator[int]:
        with (self.folder / "range.csv").open(newline="") as file:
            for row in csv.DictReader(file):
                if row["in_population"] == "yes":
                    yield int(row["seq"])

    def parts(self, drawn_seqs: set[int]) -> None:
        """sample.csv and exceptions.csv, out of population.csv."""
        self.sample: list[dict[str, str]] = []
        self.exceptions: list[dict[str, str]] = []
        with ExitStack() as stack:
            source = csv.DictReader(
                stack.enter_context((self.folder / "population.csv").open(newline=""))
            )
            sample = csv.DictWriter(
                stack.enter_context((self.folder / "sample.csv").open("w", newline="")), COLUMNS
            )
            others = csv.DictWriter(
                stack.enter_context((self.folder / "exceptions.csv").open("w", newline="")), COLUMNS
            )
            sample.writeheader()
            others.writeheader()
            for row in source:
                if int(row["seq"]) in drawn_seqs:
                    sample.writerow(row)
                    self.sample += [as_written(row)] if len(self.sample) < SHOWN else []
                if self.control.exceptional(row["type"], row["outcome"]):
                    others.writerow(row)
                    self.found.exceptions += 1
                    self.exceptions += [as_written(row)] if len(self.exceptions) < SHOWN else []

    def surroundings(self) -> None:
        with (self.folder / "seals.jsonl").open("w") as file:
            for seal in self.seals:
                content = canonical(seal.content()).decode()
                file.write(
                    f'{{"number":{seal.number},"hash":"{seal.hash}",'
                    f'"signature":"{seal.signature}","content":{content}}}\n'
                )
        told = [plain(key.told_by.after) for key in keys.told()]
        (self.folder / "keys.json").write_text(json.dumps(told, indent=2) + "\n")
        if self.checkpoint:
            (self.folder / "checkpoint.txt").write_text(self.checkpoint.note, encoding="utf-8")
        shutil.copy(Path(__file__).with_name("verify.py"), self.folder / "verify.py")

    def manifest(self, drawn_seqs: list[int]) -> dict[str, Any]:
        pack = self.pack
        return {
            "reference": pack.reference,
            "title": pack.title,
            "control": pack.control,
            "statement": pack.statement,
            "prepared_for": pack.requested_by_label,
            "built_at": moment(now()),
            "application": "agent-council 0.1",
            "query": {
                "acts": list(self.control.acts),
                "since": moment(pack.since),
                "until": moment(pack.until),
            },
            "range": {
                "first_seq": self.first,
                "last_seq": self.last,
                "first_seal": self.seals[0].number,
                "last_seal": self.seals[-1].number,
            },
            "population": self.found.population,
            "exceptions": self.found.exceptions,
            "history_rows": self.found.history,
            "sample": {
                "seed": pack.seed,
                "size": pack.sample_size,
                "drawn": drawn_seqs,
                "method": "the rows whose SHA-256 of “seed:seq” is smallest",
            },
            "checkpoint": self.checkpoint.number if self.checkpoint else None,
            "head": self.seals[-1].hash,
            "fields_omitted": [],
            "not_covered": self.not_covered(),
        }

    def not_covered(self) -> list[str]:
        gaps = []
        if self.control.acts:
            gaps.append(
                "that the events of the range outside the population are of other acts: their "
                "digests are here, their content is not (a pack of GC-00 has it all)"
            )
        stones = Tombstone.objects.filter(first_seq__lte=self.last, last_seq__gte=self.first)
        gaps += [f"events {s.first_seq:,}–{s.last_seq:,}, purged after retention" for s in stones]
        if not self.checkpoint:
            gaps.append("the whole: the ledger has no key, so no checkpoint vouches for it")
        return gaps

    def page(self, manifest: dict[str, Any]) -> None:
        """The same in print, for people without the product."""
        context = {
            "pack": self.pack,
            "manifest": manifest,
            "parts": [
                {"label": "Sampled rows", "rows": self.sample},
                {"label": "Exceptions", "rows": self.exceptions},
            ],
        }
        html = render_to_string("audit/pack_print.html", context)
        (self.folder / "statement.html").write_text(html, encoding="utf-8")

    def zipped(self, manifest: dict[str, Any]) -> Built:
        target = self.pack.path
        part = target.with_suffix(".part")
        with zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
            archive.comment = f"{self.pack.reference} for {self.pack.requested_by_label}".encode()
            for path in sorted(self.folder.iterdir()):
                archive.write(path, f"{self.pack.reference}/{path.name}")
        part.replace(target)
        report = {
            name: manifest[name]
            for name in ("population", "exceptions", "history_rows", "range", "checkpoint", "head",
                         "not_covered")
        }  # fmt: skip
        report["sample"] = self.sample
        report["exception_rows"] = self.exceptions
        report["files"] = manifest["files"]
        return Built(target, sha256(target), report)


def covering(size: int) -> Checkpoint | None:
    """A checkpoint over at least that many events; made now where the last one is older."""
    last = Checkpoint.objects.order_by("-number").first()
    if last and last.size >= size:
        return last
    try:
        return checkpoints.make()
    except keys.KeyMissing:
        return None


def cells(seq: int, event: LedgerEvent) -> list[str]:
    policies = " ".join(f"{slug}@{number}" for slug, number in event.policy_versions.items())
    values: list[Any] = [
        seq, moment(event.at), event.type, sentence(event.type), event.actor_kind,
        event.actor_label, event.on_behalf_of, event.object_type, event.object_id,
        event.object_label, event.outcome, event.why, policies, event.run_id or "", event.digest,
    ]  # fmt: skip
    return [harmless(str(value)) for value in values]


def harmless(text: str) -> str:
    """A spreadsheet must not run what somebody wrote."""
    return f"'{text}" if text.startswith(FORMULA) else text


def as_written(row: dict[str, str]) -> dict[str, str]:
    """A line of the table for a page, which runs no formulas."""
    return {
        name: text[1:] if text[:1] == "'" and text[1:].startswith(FORMULA) else text
        for name, text in row.items()
    }


def write_history(file: Any, events: list[LedgerEvent]) -> int:
    """The version rows that these events bind, as they are now; a row that is gone is told by the
    verification of the ledger, not here."""
    wanted: dict[str, dict[str, str]] = {}
    for event in events:
        pairs = [(event.history_ref, event.history_digest)] if event.history_ref else []
        for reference, mark in [*pairs, *event.versions]:
            label, _, pk = reference.rpartition(":")
            wanted.setdefault(label, {})[pk] = mark
    number = 0
    for label, rows in wanted.items():
        model = model_named(label)
        for row in model._default_manager.filter(pk__in=list(rows)) if model else ():
            values = canonical(values_of(row)).decode()
            reference, mark = f"{label}:{row.pk}", rows[str(row.pk)]
            file.write(f'{{"reference":"{reference}","digest":"{mark}","values":{values}}}\n')
            number += 1
    return number


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
