from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from apps.access.guards import PersonRequest, needs
from apps.access.models import User
from apps.access.queries import holds
from apps.common.clock import now, one_moment
from apps.common.middleware import told
from apps.common.templatetags.ui import span_in_words
from apps.council import queries
from apps.council.calendar import as_ics
from apps.council.models import Certification, Seat
from apps.council.queries import calendar as dates
from apps.council.rules import POWERS, Constitution
from apps.council.services import certifications
from apps.council.services.common import constitution, days
from apps.council.services.ties import ties_for
from apps.council.states import MotionClass

NEXT_DATES = 6


def agenda(reader: User, rules: Constitution, seats: Sequence[Seat]) -> dict[str, Any]:
    """What the council has to deal with; it fills itself. An incident about the reader is not on
    theirs."""
    motions = queries.open_motions()
    return {
        "forecast": queries.forecast(motions, rules, ties_for(motions), seats),
        "incidents": queries.incidents_in_review(reader),
        "escalated": queries.escalated_objections(),
        "reports": dates.unreported(),
        "certifications": queries.certifications(certifications.soon()),
        "unused": queries.unused_grants(),
        "silent": queries.silent_rules(),
        "today": now().date(),
    }


@one_moment()
@needs("council.view")
def council(request: PersonRequest) -> HttpResponse:
    rules = constitution()
    seats = list(queries.live_seats().order_by("function"))
    seat = next((each for each in seats if each.user_id == request.user.pk), None)
    shown = agenda(request.user, rules, seats)
    context = {
        **shown,
        "seats": seats,
        "classes": [
            (MotionClass(name).label, rules.periods[name], rules.rules_for(name, loosens=False))
            for name in MotionClass.values
        ],
        "rules": rules,
        "authority": queries.named_authority(rules),
        "measures": queries.measures(request.user),
        "dates": dates.dates(days(1), shown["reports"])[:NEXT_DATES],
        "sittings": queries.sittings(request.user),
        "may_certify": seat is not None,
        "has_power": seat is not None and seat.function in POWERS,
        "may_propose": holds(request.user, "council.propose"),
        "may_chair": holds(request.user, "council.chair"),
        "day": span_in_words(days(1).total_seconds()),
    }
    return render(request, "council/council.html", context)


@needs("council.view")
def calendar(request: PersonRequest) -> HttpResponse:
    entries = dates.calendar(request.user, days(1))
    moment = now()
    context = {
        "overdue": [entry for entry in entries if entry.at < moment],
        "days": dates.by_day([entry for entry in entries if entry.at >= moment]),
        "today": moment.date(),
    }
    return render(request, "council/calendar.html", context)


@needs("council.view")
@require_safe
def calendar_file(request: PersonRequest) -> HttpResponse:
    """The same dates for the reader's own calendar; a file to take along, behind the sign-in."""
    text = as_ics(
        dates.calendar(request.user, days(1)),
        made_at=now(),
        base=str(settings.COUNCIL["BASE_URL"]),
    )
    answer = HttpResponse(text, content_type="text/calendar; charset=utf-8")
    answer["Content-Disposition"] = 'attachment; filename="council.ics"'
    return answer


@needs("council.sit")
@require_POST
def certify(request: PersonRequest, pk: int) -> HttpResponse:
    row = get_object_or_404(Certification, pk=pk)
    certifications.certify(
        actor=request.user, certification=row, reason=request.POST.get("reason", "")
    )
    return told(request, f"{row} is certified.", reverse("council:council"))
