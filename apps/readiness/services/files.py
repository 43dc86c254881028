"""Uploads on disk: written beside the database, with size and digest taken on the way."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from django.conf import settings

from apps.common.errors import Invalid


class Upload(Protocol):
    """What Django hands over for a file in a form."""

    name: str | None

    def chunks(self, chunk_size: int | None = None) -> Iterable[bytes]: ...


@dataclass(frozen=True)
class Kept:
    bytes: int
    sha256: str


def keep(upload: Upload, path: Path) -> Kept:
    """Writes the upload to `path`. Raises Invalid (and leaves nothing behind) if it is empty or
    larger than what the installation takes."""
    most, size, digest = settings.READINESS["MOST_BYTES"], 0, hashlib.sha256()
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with path.open("wb") as file:
            for chunk in upload.chunks():
                size += len(chunk)
                if size > most:
                    raise refused(f"The file is larger than {most:,} bytes.")
                digest.update(chunk)
                file.write(chunk)
        if not size:
            raise refused("The file is empty.")
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return Kept(size, digest.hexdigest())


def refused(sentence: str) -> Invalid:
    return Invalid("The file was not taken.", fields={"file": [sentence]})


def called(upload: Upload) -> str:
    """The file's name without the folders that some browsers send along."""
    return Path((upload.name or "log").replace("\\", "/")).name[:200] or "log"
