"""What varies from one message to the next, made the same. The masks are the redaction as well:
nothing that they match is stored."""

from __future__ import annotations

import re

LONGEST = 4_096
# In this order: what is longer and more particular comes first.
MASKS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("<url>", re.compile(r"\bhttps?://\S+")),
    ("<mail>", re.compile(r"\b[\w.+-]+@[\w-]+(?:\.[\w-]+)+\b")),
    ("<id>", re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b", re.I)),
    ("<iban>", re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b")),
    ("<time>", re.compile(r"\b\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?Z?)?\b")),
    ("<ip>", re.compile(r"\b\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?\b")),
    ("<hex>", re.compile(r"\b(?=[0-9a-f]*\d)(?=[0-9a-f]*[a-f])[0-9a-f]{8,}\b", re.I)),
    ("<name>", re.compile(r"\b[A-Z]{1,4}-?\d[\w/-]*\b")),
    ("<n>", re.compile(r"(?<![\w<])[-+]?\d+(?:[.,]\d+)*(?![\w>])")),
)


def masked(message: str) -> str:
    """The message with everything that varies taken out; cut first, for patterns take time."""
    found = " ".join(message[:LONGEST].split())
    for word, pattern in MASKS:
        found = pattern.sub(word, found)
    return found
