from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from apps.ledger import keys
from tests.support import forget_installation


@pytest.fixture(autouse=True)
def own_folders(tmp_path: Path, settings: Any) -> Path:
    """Keys, checkpoints and packs of each test in a place of their own."""
    settings.LEDGER = {
        **settings.LEDGER,
        "KEY_DIR": tmp_path / "keys",
        "CHECKPOINT_DIR": tmp_path / "checkpoints",
        "PACK_DIR": tmp_path / "packs",
        "FINGERPRINTS": [],
        "CHECKPOINT_MAIL": [],
    }
    return tmp_path


@pytest.fixture
def key(db: None) -> keys.PublicKey:
    return keys.make_first()


@pytest.fixture(autouse=True)
def nothing_on_record(request: pytest.FixtureRequest) -> None:
    """What an installation records of itself (its reasons for deciding) is not what these tests
    count."""
    wanted = {"db", "transactional_db", "key"} & set(request.fixturenames)
    if not wanted and request.node.get_closest_marker("django_db") is None:
        return
    request.getfixturevalue("transactional_db" if "transactional_db" in wanted else "db")
    forget_installation()
