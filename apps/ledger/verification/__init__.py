"""Looking at the whole ledger again: every payload, place, seal, checkpoint, history row and text.

`verify` reads only, in chunks, and says what it covered and the first place that is broken.
"""

from __future__ import annotations

from apps.ledger.verification.report import Report
from apps.ledger.verification.walk import verify

__all__ = ["Report", "verify"]
