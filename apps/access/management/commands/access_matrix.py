from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from apps.access.matrix import as_markdown


class Command(BaseCommand):
    help = "Prints the role × permission matrix, or writes it to docs/access-matrix.md."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--write", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["write"]:
            (settings.BASE_DIR / "docs" / "access-matrix.md").write_text(as_markdown())
        else:
            self.stdout.write(as_markdown())
