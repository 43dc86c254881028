from __future__ import annotations

from django.db.models import Q, QuerySet

from apps.common.clock import now
from apps.council.models import Seat


def live_seats() -> QuerySet[Seat]:
    """Seats held now by people who can sign in."""
    moment = now()
    ended = Q(ends_at__isnull=False, ends_at__lte=moment)
    found: QuerySet[Seat] = Seat.objects.filter(starts_at__lte=moment, user__is_active=True)
    return found.exclude(ended).select_related("user", "alternate")
