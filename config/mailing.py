"""Turns one address into Django's e-mail settings."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

BACKENDS = "django.core.mail.backends"


def from_url(url: str) -> dict[str, Any]:
    """`smtp://user:password@host:587?tls=1`, `console://`, or "" for none. Raises ValueError."""
    parts = urlsplit(url)
    if not url:
        return {"EMAIL_BACKEND": f"{BACKENDS}.dummy.EmailBackend"}
    if parts.scheme == "console":
        return {"EMAIL_BACKEND": f"{BACKENDS}.console.EmailBackend"}
    if parts.scheme not in {"smtp", "smtps"}:
        raise ValueError("COUNCIL_EMAIL_URL must start with smtp://, smtps:// or console://.")
    query = parse_qs(parts.query)
    return {
        "EMAIL_BACKEND": f"{BACKENDS}.smtp.EmailBackend",
        "EMAIL_HOST": parts.hostname or "localhost",
        "EMAIL_PORT": parts.port or (465 if parts.scheme == "smtps" else 25),
        "EMAIL_HOST_USER": unquote(parts.username or ""),
        "EMAIL_HOST_PASSWORD": unquote(parts.password or ""),
        "EMAIL_USE_SSL": parts.scheme == "smtps",
        "EMAIL_USE_TLS": parts.scheme == "smtp" and query.get("tls", ["0"])[-1] == "1",
    }
