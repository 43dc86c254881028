from __future__ import annotations

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.ledger.verification import verify


class Command(BaseCommand):
    help = "Looks at the whole ledger again, and says what was covered and what is broken."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--json", action="store_true", help="the whole report")

    def handle(self, *args: Any, **options: Any) -> None:
        report = verify()
        if options["json"]:
            self.stdout.write(json.dumps(report.as_json(), indent=2, ensure_ascii=False))
        else:
            self.stdout.write(f"Covered: {report.covered}.")
            self.stdout.write(f"Not covered: {report.not_covered}.")
            for key in report.keys:
                self.stdout.write(f"Key: {key}")
            for problem in report.problems:
                self.stdout.write(f"- {problem['sentence']}")
        if not report.intact:
            raise CommandError(report.verdict)
        self.stdout.write(report.verdict)
