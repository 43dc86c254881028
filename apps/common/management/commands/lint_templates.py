from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.template import TemplateSyntaxError
from django.template.loader import get_template

FORBIDDEN = {
    r"\sstyle\s*=": "an inline style, which the CSP blocks",
    r"\son[a-z]+\s*=": "an inline handler, which the CSP blocks",
    r"hx-on": "hx-on, which the CSP blocks",
    r"<script(?![^>]*\ssrc=)": "an inline script, which the CSP blocks",
    r"\|\s*safe\b": "|safe",
    r"javascript:": "a javascript: address",
    r'class="(?:[^"]*\s)?scroll\b[^"]*"(?![^>]*\stabindex=)': "a part that no keyboard can scroll",
    r"<img(?![^>]*\salt=)": "an image without alt",
}
POST_FORM = re.compile(r'<form[^>]*method="post"[^>]*>(.*?)</form>', re.DOTALL | re.IGNORECASE)


class Command(BaseCommand):
    help = "Compiles every template and refuses what the pages' rules forbid."

    def handle(self, *args: Any, **options: Any) -> None:
        folder = Path(settings.BASE_DIR) / "templates"
        found = [
            problem for path in sorted(folder.rglob("*.html")) for problem in check(folder, path)
        ]
        if found:
            raise CommandError("\n".join(found))
        self.stdout.write("Every template compiles and keeps the rules.")


def check(folder: Path, path: Path) -> list[str]:
    name = str(path.relative_to(folder))
    text = path.read_text()
    try:
        get_template(name)
    except TemplateSyntaxError as error:
        return [f"{name}: {error}"]
    found = [f"{name}: {words}" for rule, words in FORBIDDEN.items() if re.search(rule, text)]
    if any("csrf_token" not in body for body in POST_FORM.findall(text)):
        found.append(f"{name}: a form without csrf_token")
    return found
