from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.common.acting import acting
from apps.common.clock import now
from apps.common.errors import Refused
from apps.ledger import retention


class Command(BaseCommand):
    help = (
        "Takes the content of events away whose retention is over. Run it as the owner of the "
        "tables. Without --yes it only says what it would do."
    )

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--yes", action="store_true", help="do it")

    def handle(self, *args: Any, **options: Any) -> None:
        first, last = retention.purgeable(now())
        days = retention.kept_for().days
        if last < first:
            self.stdout.write(f"No sealed event is older than {days:,} days.")
            return
        if not options["yes"]:
            self.stdout.write(
                f"Would purge events {first:,}–{last:,}, older than {days:,} days. Say --yes."
            )
            return
        try:
            with acting(label="manage.py purge_ledger", trigger="manage.py purge_ledger"):
                stone = retention.purge()
        except Refused as error:
            raise CommandError(error.sentence) from error
        self.stdout.write(f"{stone}. Their entries and a tombstone remain.")
