from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.audit.keeping import erase_texts
from apps.common.acting import acting
from apps.common.errors import Refused


class Command(BaseCommand):
    help = "Erases what a person or an agent typed into the trail; the digests remain."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("subject", help="person:<id> or agent:<id>")
        parser.add_argument("--reason", required=True, help="on whose request, and on what ground")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            with acting(label="manage.py erase_text", trigger="manage.py erase_text"):
                number = erase_texts(
                    actor=None, subject=options["subject"], reason=options["reason"]
                )
        except Refused as error:
            raise CommandError(error.sentence) from error
        self.stdout.write(f"{number:,} texts erased; the index of words is built anew.")
