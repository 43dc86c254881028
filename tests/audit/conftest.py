from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest


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
