"""Which actions of a sampled checkpoint a person sees: neither predictable nor drawn again."""

from __future__ import annotations

import hashlib
import hmac

from django.conf import settings

WHOLE = 2**32


def selected(scope: str, intent_digest: str, percent: int) -> bool:
    """HMAC(server secret, scope and intent) mod 2^32 < rate × 2^32 (autonomy.md 2.1). The draw
    hangs on the intent, so repeating the same wish cannot draw another lot."""
    key = settings.SECRET_KEY.encode()
    lot = hmac.new(key, f"{scope}|{intent_digest}".encode(), hashlib.sha256).digest()
    return int.from_bytes(lot[:4], "big") * 100 < percent * WHOLE
