from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from apps.common.acting import acting
from apps.ledger.sealing import seal


class Command(BaseCommand):
    help = "Seals every committed event that is not sealed yet."

    def handle(self, *args: Any, **options: Any) -> None:
        with acting(label="manage.py seal", trigger="manage.py seal"):
            number = seal(everything=True)
        self.stdout.write(f"{number:,} events sealed." if number else "Nothing to seal.")
