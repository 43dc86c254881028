"""`decided` is sent on commit with `request_id` and `status`, for every exit from pending."""

from __future__ import annotations

from django.dispatch import Signal

decided = Signal()
