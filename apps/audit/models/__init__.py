"""The tables of audit, split by noun: what reads the ledger, never what is in it."""

from __future__ import annotations

from apps.audit.models.packs import EvidencePack
from apps.audit.models.review import AuditorNote, ReviewItem, ReviewRound
from apps.audit.models.trail import SavedView, TrailEntry, TrailState

__all__ = [
    "AuditorNote",
    "EvidencePack",
    "ReviewItem",
    "ReviewRound",
    "SavedView",
    "TrailEntry",
    "TrailState",
]
