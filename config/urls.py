"""Every address of the product. A pilot's addresses are found in its own folder."""

from __future__ import annotations

from importlib.util import find_spec

from django.conf import settings
from django.urls import include, path

PILOT_URLS = [
    path(f"{name.rsplit('.', 1)[-1]}/", include(f"{name}.urls"))
    for name in settings.PILOTS
    if find_spec(f"{name}.urls")
]

urlpatterns = [
    path("", include("apps.council.urls")),
    path("", include("apps.access.urls")),
    path("agents/", include("apps.registry.urls")),
    path("policies/", include("apps.policies.urls")),
    path("inbox/", include("apps.approvals.urls")),
    path("runs/", include("apps.orchestration.urls")),
    path("readiness/", include("apps.readiness.urls")),
    path("incidents/", include("apps.incidents.urls")),
    path("audit/", include("apps.audit.urls")),
    path("evidence/", include("apps.audit.evidence_urls")),
    path("api/", include("apps.gateway.urls")),
    path("pilots/", include([*PILOT_URLS])),
]
handler400 = "apps.council.views.bad_request"
handler403 = "apps.council.views.absent"
handler404 = "apps.council.views.absent"
handler500 = "apps.council.views.failed"
