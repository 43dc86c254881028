"""Browser libraries straight out of their installed packages: nothing is copied into the repo."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from django.contrib.staticfiles.finders import BaseFinder
from django.core.files.storage import FileSystemStorage

PACKAGES: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "htmx": ("django_htmx", "static/django_htmx", ("htmx-2.min.js",)),
    "plotly": ("plotly", "package_data", ("plotly.min.js",)),
    "ace": (
        "django_ace",
        "static/django_ace/ace",
        (
            "ace.js",
            "mode-cedar.js",
            "theme-github.js",
            "theme-github_dark.js",
            "ext-language_tools.js",
            "css/ace.css",
            "css/main-*",
            "css/theme/github.css",
            "css/theme/github_dark.css",
            "css/github-*.png",
            "css/github_dark-*.png",
        ),
    ),
}


class PackageFinder(BaseFinder):
    """Serves `<name>/<file>` for the files picked above (names may be patterns)."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.storages: dict[str, FileSystemStorage] = {}
        self.files: dict[str, tuple[str, ...]] = {}
        for name, (package, folder, patterns) in PACKAGES.items():
            spec = find_spec(package)
            if spec is None or spec.origin is None:
                continue
            place = Path(spec.origin).parent / folder
            storage = FileSystemStorage(location=str(place))
            self.files[name] = tuple(
                found.relative_to(place).as_posix()
                for pattern in patterns
                for found in sorted(place.glob(pattern))
            )
            storage.prefix = name  # type: ignore[attr-defined]
            self.storages[name] = storage

    def check(self, **kwargs: Any) -> list[Any]:
        return []

    def find(self, path: str, find_all: bool = False, **kwargs: Any) -> Any:
        """[] for "not mine": None with find_all breaks every other file of a live server."""
        name, _, file = path.partition("/")
        if name not in self.storages or file not in self.files[name]:
            return []
        found = self.storages[name].path(file)
        return [found] if find_all else found

    def list(self, ignore_patterns: Iterable[str] | None) -> Iterator[tuple[str, Any]]:
        for name, storage in self.storages.items():
            for file in self.files[name]:
                yield file, storage
