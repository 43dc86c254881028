from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from apps.access.guards import PersonRequest, needs
from apps.access.queries import holds
from apps.common.middleware import told
from apps.common.templatetags.ui import span_in_words
from apps.council import queries
from apps.council.models import Certification
from apps.council.rules import Constitution
from apps.council.services import ballots, certifications
from apps.council.services.common import constitution, days, seat_of
from apps.council.states import MotionClass


def agenda(rules: Constitution) -> list[queries.Forecast]:
    found = queries.open_motions()
    return queries.forecast(found, rules, ballots.ties_for(found))


@needs("council.view")
def council(request: PersonRequest) -> HttpResponse:
    rules = constitution()
    seat = seat_of(request.user)
    context = {
        "seats": queries.live_seats().select_related("user__department").order_by("function"),
        "classes": [
            (MotionClass(name).label, rules.periods[name], rules.rules_for(name, loosens=False))
            for name in MotionClass.values
        ],
        "rules": rules,
        "measures": queries.measures(request.user),
        "forecast": agenda(rules),
        "certifications": queries.certifications(certifications.soon()),
        "unused": queries.unused_grants(),
        "silent": queries.silent_rules(),
        "sittings": queries.sittings(request.user),
        "may_certify": seat is not None,
        "has_power": queries.has_power(request.user),
        "may_propose": holds(request.user, "council.propose"),
        "may_chair": holds(request.user, "council.chair"),
        "day": span_in_words(days(1).total_seconds()),
    }
    return render(request, "council/council.html", context)


@needs("council.sit")
@require_POST
def certify(request: PersonRequest, pk: int) -> HttpResponse:
    row = get_object_or_404(Certification, pk=pk)
    certifications.certify(
        actor=request.user, certification=row, reason=request.POST.get("reason", "")
    )
    return told(request, f"{row} is certified.", reverse("council:council"))
