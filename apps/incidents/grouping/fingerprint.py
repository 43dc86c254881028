"""The key of a group. Its version is part of it: a new way of grouping leaves old groups alone."""

from __future__ import annotations

import hashlib

VERSION = 2  # 1 counted masks as words that agree


def key_of(source: str, tool: str, code: str, template: int, version: int = VERSION) -> str:
    """The agent is no part of it: one failure of several agents is one group."""
    words = "\x1f".join((str(version), source, tool, code, str(template)))
    return hashlib.sha256(words.encode()).hexdigest()
