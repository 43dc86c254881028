"""A process of the tests' own, with files in a folder of each test's own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from apps.access.models import Department, User
from apps.common.clock import now
from apps.readiness.mining import generate
from apps.readiness.models import Process, System
from apps.readiness.services import logs
from tests.readiness.things import Rows, as_csv


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, settings: Any) -> Path:
    settings.READINESS = {**settings.READINESS, "DIR": tmp_path / "logs"}
    return tmp_path / "logs"


@pytest.fixture
def process(db: None, owner: User, department: Department) -> Process:
    """The generator's process, as its owner would describe it."""
    for name, access in (("erp", "api"), ("bank", "api"), ("workflow", "api"), ("ocr", "api"),
                         ("mailbox", "api")):  # fmt: skip
        System.objects.create(name=name, access=access, sanctioned=True, owner=owner)
    found = Process(
        slug="invoices",
        name="Invoices",
        purpose="Pays what was delivered.",
        department=department,
        owner=owner,
        lawful_basis="Contracts with suppliers",
        volume=[8_000, 9_000, 10_000],
        minutes=[10, 12, 15],
        procedure_on=now().date(),
        escalation="Ask the head of payables.",
        reviewer_hours=10,
        steps=list(generate.STEPS),
        created_at=now(),
    )
    found.save()
    return found


@pytest.fixture
def uploaded(process: Process, operator: User) -> Callable[..., Any]:
    """Uploads bytes as a log of the process."""

    def upload(data: bytes, name: str = "log.csv", actor: User | None = None) -> Any:
        return logs.upload_log(
            actor=actor or operator, process=process, upload=SimpleUploadedFile(name, data)
        )

    return upload


@pytest.fixture
def read(uploaded: Callable[..., Any], operator: User) -> Callable[..., Any]:
    """Uploads and reads rows with the suggested mapping."""

    def go(rows: Rows) -> Any:
        row = uploaded(as_csv(rows))
        logs.map_log(actor=operator, log=row, mapping=logs.mapping_of(row.mapping))
        logs.read(row.pk)
        row.refresh_from_db()
        return row

    return go
