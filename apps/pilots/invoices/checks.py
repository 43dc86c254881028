"""Small deterministic judgements about what a document says. Signals, never a reason to allow."""

from __future__ import annotations

import re
import unicodedata

ORDERS = re.compile(
    r"\b(ignore|disregard|override|bypass|skip)\b.{0,40}\b(instruction|rule|polic|approv|check|limit)"
    r"|\b(already|pre-?)\s?-?approved\b"
    r"|\b(system|assistant|developer)\s*:"
    r"|\byou (must|should|are to) (now )?(pay|approve|transfer|change|post)\b"
    r"|\b(do not|don't) (tell|ask|inform|involve)\b",
    re.IGNORECASE | re.DOTALL,
)
INVISIBLE = re.compile("[\u200b-\u200f\u202a-\u202e\u2060-\u2069\U000e0000-\U000e007f]")
LONGEST = 20_000


def suspicious(text: str) -> bool:
    """Whether free text talks like an order to whoever reads it, or hides characters."""
    plain = unicodedata.normalize("NFKC", text[:LONGEST])
    return bool(INVISIBLE.search(text[:LONGEST]) or ORDERS.search(plain))


def iban_valid(text: str) -> bool:
    """ISO 13616: the rearranged number leaves 1 on division by 97."""
    iban = text.replace(" ", "").upper()
    if not re.fullmatch(r"[A-Z]{2}\d{2}[A-Z0-9]{11,30}", iban):
        return False
    digits = "".join(str(int(char, 36)) for char in iban[4:] + iban[:4])
    return int(digits) % 97 == 1


def iban_of(country: str, account: str) -> str:
    """The IBAN of an account, with its check digits."""
    digits = "".join(str(int(char, 36)) for char in f"{account}{country}00")
    return f"{country}{98 - int(digits) % 97:02d}{account}"
