"""Messages in a folder: whole or absent, each taken once."""

from __future__ import annotations

import threading
from pathlib import Path
from queue import Empty
from typing import Any

import pytest
from celery import Celery
from kombu import Connection

from config import broker
from config.celery import app


@pytest.fixture
def channel(tmp_path: Path) -> Any:
    with Connection("filesystem://", transport_options=options(tmp_path)) as connection:
        yield connection.channel()


def options(place: Path) -> dict[str, str]:
    folders = {
        "data_folder_in": "messages",
        "data_folder_out": "messages",
        "control_folder": "control",
        "processed_folder": "processed",
    }
    for name in set(folders.values()):
        (place / name).mkdir()
    return {key: str(place / name) for key, name in folders.items()}


def test_celery_uses_it_where_no_server_is_named() -> None:
    assert isinstance(app, Celery)
    assert isinstance(Connection("filesystem://").transport, broker.Transport)


def test_messages_come_back_in_order_and_once(channel: Any) -> None:
    for number in range(20):
        channel._put("steps", {"number": number})
    channel._put("control", {"number": 99})
    assert [channel._get("steps")["number"] for _ in range(20)] == list(range(20))
    with pytest.raises(Empty):
        channel._get("steps")
    assert channel._get("control") == {"number": 99}


def test_what_is_half_written_is_not_there_yet(channel: Any, tmp_path: Path) -> None:
    (tmp_path / "messages" / "1_a.part").write_text('{"numb')
    with pytest.raises(Empty):
        channel._get("steps")


def test_a_reader_racing_a_writer_never_sees_half_a_message(channel: Any, tmp_path: Path) -> None:
    wanted = 400
    words = "x" * 20_000
    writer = threading.Thread(
        target=lambda: [channel._put("steps", {"number": n, "words": words}) for n in range(wanted)]
    )
    taken: list[int] = []
    lock = threading.Lock()

    def read() -> None:
        while len(taken) < wanted:
            try:
                message = channel._get("steps")
            except Empty:
                continue
            with lock:
                taken.append(message["number"])

    readers = [threading.Thread(target=read) for _ in range(2)]
    for thread in (writer, *readers):
        thread.start()
    for thread in (writer, *readers):
        thread.join(timeout=60)
    assert sorted(taken) == list(range(wanted))
    assert not list((tmp_path / "processed").iterdir())
