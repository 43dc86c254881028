"""Uploads on disk: written beside the database, with size and digest taken on the way."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from django.conf import settings

from apps.common.errors import Invalid
from apps.readiness.mining.results import LogRefused


class Upload(Protocol):
    """What Django hands over for a file in a form."""

    name: str | None

    def chunks(self, chunk_size: int | None = None) -> Iterable[bytes]: ...


class Row(Protocol):
    """What keeps a file: where it lies, and what was taken on the way."""

    bytes: int
    sha256: str

    @property
    def upload(self) -> Path: ...


@contextmanager
def kept(upload: Upload, row: Row) -> Iterator[None]:
    """The file at its place while the row is made; nothing of it stays where that fails."""
    row.bytes, row.sha256 = write(upload, row.upload)
    try:
        yield
    except BaseException:
        row.upload.unlink(missing_ok=True)
        raise


def present(row: Row) -> Path:
    """Where the upload lies. Raises LogRefused where it is gone."""
    if not row.upload.exists():
        raise LogRefused("The uploaded file is no longer here. Upload it again.")
    return row.upload


def write(upload: Upload, path: Path) -> tuple[int, str]:
    """Writes the upload to `path`; its size and SHA-256. Raises Invalid (and leaves nothing behind)
    if it is empty or larger than what the installation takes."""
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
    return size, digest.hexdigest()


def refused(sentence: str) -> Invalid:
    return Invalid("The file was not taken.", fields={"file": [sentence]})


def called(upload: Upload) -> str:
    """The file's name without the folders that some browsers send along."""
    return Path((upload.name or "log").replace("\\", "/")).name[:200] or "log"
