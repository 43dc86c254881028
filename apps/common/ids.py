"""Identifiers: UUID version 7 (RFC 9562), which sort by the time they were made."""

from __future__ import annotations

import secrets
import time
import uuid


def uuid7() -> uuid.UUID:
    milliseconds = time.time_ns() // 1_000_000
    random = secrets.randbits(74)
    value = (milliseconds & (2**48 - 1)) << 80
    value |= 0x7 << 76
    value |= (random >> 62) << 64
    value |= 0b10 << 62
    value |= random & (2**62 - 1)
    return uuid.UUID(int=value)
