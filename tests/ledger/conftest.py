from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from apps.ledger import keys


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
