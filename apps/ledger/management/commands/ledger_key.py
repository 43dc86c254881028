"""The ledger's keys, and the second key holder's signature.

manage.py ledger_key new                      the first key
manage.py ledger_key rotate                   the next one, endorsed by the one in force
manage.py ledger_key lost --reason "…"        the next one, when the private key is gone
manage.py ledger_key list
manage.py ledger_key witness --file second.pem      a key for the second holder
manage.py ledger_key cosign --file second.pem [--checkpoint 912]
manage.py ledger_key checkpoint [--daily]     one at once
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.common.acting import acting
from apps.common.errors import Refused
from apps.ledger import checkpoints, keys
from apps.ledger.models import Checkpoint
from apps.ledger.notes import fingerprint
from apps.ledger.sealing import seal

ACTS = ("new", "rotate", "lost", "list", "witness", "cosign", "checkpoint")


class Command(BaseCommand):
    help = "Makes, changes and lists the ledger's signing keys; signs checkpoints."

    def create_parser(self, *args: Any, **kwargs: Any) -> Any:
        kwargs["formatter_class"] = argparse.RawDescriptionHelpFormatter
        parser = super().create_parser(*args, **kwargs)
        parser.description = __doc__
        return parser

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("act", choices=ACTS)
        parser.add_argument("--file", type=Path)
        parser.add_argument("--reason", default="")
        parser.add_argument("--checkpoint", type=int)
        parser.add_argument("--daily", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        label = f"manage.py ledger_key {options['act']}"
        try:
            with acting(label=label, trigger=label):
                getattr(self, options["act"])(options)
        except Refused as error:
            raise CommandError(error.sentence) from error
        except keys.KeyMissing as error:
            raise CommandError(str(error)) from error

    def new(self, options: dict[str, Any]) -> None:
        self.tell(keys.make_first())

    def rotate(self, options: dict[str, Any]) -> None:
        self.tell(keys.rotate())

    def lost(self, options: dict[str, Any]) -> None:
        self.tell(keys.replace_lost(reason=options["reason"]))
        self.stdout.write("Nothing vouches for this key: tell its fingerprint to everybody anew.")

    def list(self, options: dict[str, Any]) -> None:
        told = keys.told()
        for key in told:
            there = "private key here" if keys.path_of(key.fingerprint).exists() else "elsewhere"
            self.stdout.write(
                f"{key.fingerprint}  {key.told_by.at:%Y-%m-%d %H:%M} UTC  "
                f"{key.told_by.type.removeprefix('ledger.key_')}, {there}"
            )
        if not told:
            self.stdout.write("The ledger has no key. Make one with: manage.py ledger_key new")

    def witness(self, options: dict[str, Any]) -> None:
        public, _ = keys.write_new(self.file(options))
        self.stdout.write(f"Key of the second holder: {fingerprint(public)}")

    def cosign(self, options: dict[str, Any]) -> None:
        number = options["checkpoint"]
        if number is None:
            daily = Checkpoint.objects.filter(kind=checkpoints.DAILY).order_by("-number").first()
            if daily is None:
                raise CommandError("There is no daily checkpoint yet.")
            number = daily.number
        row = checkpoints.cosign(number, self.file(options))
        self.stdout.write(f"Checkpoint {number} signed by {row.key[:16]}…")

    def checkpoint(self, options: dict[str, Any]) -> None:
        seal(everything=True)
        made = checkpoints.make(checkpoints.DAILY if options["daily"] else checkpoints.HOURLY)
        if made is None:
            raise CommandError("Nothing to sign: there is no key, or nothing is sealed.")
        self.stdout.write(made.note)

    def file(self, options: dict[str, Any]) -> Path:
        path: Path | None = options["file"]
        if path is None:
            raise CommandError("Name the key file with --file.")
        return path

    def tell(self, key: keys.PublicKey) -> None:
        self.stdout.write(f"Fingerprint: {key.fingerprint}")
        self.stdout.write(
            f"Private key: {keys.path_of(key.fingerprint)} (only its owner may read it)"
        )
        self.stdout.write(
            "Keep a copy of the file elsewhere, and give the fingerprint to auditors."
        )
