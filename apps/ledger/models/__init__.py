from __future__ import annotations

from apps.ledger.models.events import LedgerEvent, PersonalText
from apps.ledger.models.keeping import Hold, Tombstone
from apps.ledger.models.seals import Checkpoint, Cosignature, Seal, SealEntry
from apps.ledger.models.verifications import Verification

__all__ = [
    "Checkpoint",
    "Cosignature",
    "Hold",
    "LedgerEvent",
    "PersonalText",
    "Seal",
    "SealEntry",
    "Tombstone",
    "Verification",
]
