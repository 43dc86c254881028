"""How the record stands: the light, what is sealed, the checkpoints, what is kept."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from apps.common.clock import now
from apps.ledger import checkpoints, keys, retention, sealing
from apps.ledger.models import (
    Checkpoint,
    Cosignature,
    Hold,
    LedgerEvent,
    PersonalText,
    Seal,
    Tombstone,
    Verification,
)
from apps.ledger.states import VerificationStatus

FRESH = dt.timedelta(hours=24)
SHOWN = 12
COUNTED = 1_000


@dataclass(frozen=True)
class Light:
    """Whether the record can be trusted, for any page: tone, a word or two, and the sentence."""

    tone: str
    word: str
    sentence: str
    at: dt.datetime | None = None


@dataclass(frozen=True)
class State:
    """Where sealing stands. `unsealed` counts up to a thousand."""

    sealed: int
    sealed_at: dt.datetime | None
    unsealed: int
    key: keys.PublicKey | None
    key_here: bool


@dataclass(frozen=True)
class Keeping:
    days: int
    oldest: dt.datetime | None
    purgeable: int
    holds: list[Hold]
    tombstones: list[Tombstone]
    erased: int


def integrity() -> Light:
    """Green only where a verification of the last day found everything intact, and at least the
    newest checkpoint as it is held outside."""
    last = (
        Verification.objects.filter(
            status__in=(VerificationStatus.INTACT, VerificationStatus.BROKEN)
        )
        .order_by("-created_at", "-id")
        .first()
    )
    if last is None or last.ended_at is None:
        return Light("warn", "Not verified yet", "Nobody has verified the ledger yet.")
    said: dict[str, Any] = last.report
    if last.status == VerificationStatus.BROKEN:
        return Light("danger", "Chain broken", said["verdict"], last.ended_at)
    if now() - last.ended_at > FRESH:
        words = f"Not verified since {last.ended_at:%Y-%m-%d %H:%M} UTC."
        return Light("warn", "Not verified today", words, last.ended_at)
    if not said["checkpoints"] or said["outside"] < 1:
        words = "Verified, but no checkpoint that is held outside the database matches it."
        return Light("warn", "No outside proof", words, last.ended_at)
    words = (
        f"Verified to event {said['last_seq']:,}; {said['outside']:,} checkpoints match outside."
    )
    return Light("ok", "Verified", words, last.ended_at)


def state() -> State:
    last = Seal.objects.order_by("-number").first()
    key = keys.in_force()
    return State(
        sealed=last.last_seq if last else 0,
        sealed_at=last.sealed_at if last else None,
        unsealed=len(sealing.unsealed(sealing.recent(), COUNTED)),
        key=key,
        key_here=bool(key and keys.path_of(key.fingerprint).exists()),
    )


def going() -> Verification | None:
    return (
        Verification.objects.filter(
            status__in=(VerificationStatus.QUEUED, VerificationStatus.RUNNING)
        )
        .order_by("-created_at")
        .first()
    )


def newest_checkpoints() -> list[tuple[Checkpoint, str, int]]:
    """(checkpoint, same | missing | differs outside, how many second holders signed it)."""
    rows = list(Checkpoint.objects.order_by("-number")[:SHOWN])
    outside = {found.number: found.state for found in checkpoints.outside(rows)}
    numbers = [row.number for row in rows]
    signed = list(
        Cosignature.objects.filter(checkpoint_number__in=numbers).values_list(
            "checkpoint_number", flat=True
        )
    )
    return [(row, outside[row.number], signed.count(row.number)) for row in rows]


def keeping() -> Keeping:
    first, last = retention.purgeable(now())
    stones = list(Tombstone.objects.order_by("-first_seq")[:SHOWN])
    return Keeping(
        days=retention.kept_for().days,
        oldest=LedgerEvent.objects.order_by("at").values_list("at", flat=True).first(),
        purgeable=max(0, last - first + 1),
        holds=list(retention.open_holds()),
        tombstones=stones,
        erased=PersonalText.objects.filter(erased_at__isnull=False)[:COUNTED].count(),
    )
