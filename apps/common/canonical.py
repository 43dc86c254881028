"""Canonical JSON (RFC 8785) on a narrow value set, and its SHA-256.

No floats; decimals, moments and integers beyond 2^53 are strings, so that plain sorted
`json.dumps` gives the same bytes to whoever checks us without our code.
"""

from __future__ import annotations

import datetime as dt
import decimal
import hashlib
import json
import re
import uuid
from collections.abc import Mapping
from typing import Any

import rfc8785

LARGEST_EXACT = 2**53 - 1
# RFC 8785 orders keys by UTF-16 units, Python by code points: they differ beyond the first plane.
BEYOND = re.compile("[\U00010000-\U0010ffff]")


LEAVES = frozenset({str, bool, type(None)})


def plain(value: Any) -> Any:
    """The value in the narrow set: str, int, bool, None, list, dict with string keys."""
    kind = type(value)
    if kind in LEAVES:
        return value
    if kind is dict:
        return {
            name if type(name) is str else str(name): item if type(item) in LEAVES else plain(item)
            for name, item in value.items()
        }
    if kind is list:
        return [item if type(item) in LEAVES else plain(item) for item in value]
    if kind is int:
        return value if -LARGEST_EXACT <= value <= LARGEST_EXACT else str(value)
    return rarer(value)


def rarer(value: Any) -> Any:
    """What is in the narrow set by a subclass, or has a form of its own there."""
    if isinstance(value, (str, bool)):
        return value
    if isinstance(value, int):
        return value if abs(value) <= LARGEST_EXACT else str(value)
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, dt.datetime):
        return moment(value)
    if isinstance(value, (dt.date, decimal.Decimal, uuid.UUID)):
        return str(value)
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        items = sorted(value, key=repr) if isinstance(value, (set, frozenset)) else value
        return [plain(item) for item in items]
    raise TypeError(f"{type(value).__name__} has no canonical form.")


def moment(value: dt.datetime) -> str:
    return value.astimezone(dt.UTC).isoformat(timespec="microseconds")[:-6] + "Z"


ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def canonical(value: Any) -> bytes:
    narrow = plain(value)
    text = ENCODER.encode(narrow)
    if not text.isascii() and BEYOND.search(text):
        return rfc8785.dumps(narrow)
    return text.encode()


def digest(value: Any) -> str:
    """SHA-256 over the canonical JSON of `value`, as 64 hexadecimal digits."""
    return hashlib.sha256(canonical(value)).hexdigest()
