from __future__ import annotations

from django.urls import path

from apps.audit.views import (
    access,
    asof,
    events,
    exports,
    frameworks,
    history,
    notes,
    objects,
    saved,
    verification,
    why,
)

app_name = "audit"
urlpatterns = [
    path("", events.events, name="events"),
    path("<uuid:pk>", events.event, name="event"),
    path("history/<str:label>/<str:pk>", history.history, name="history"),
    path("object/<str:label>/<str:pk>", objects.trail, name="object"),
    path("as-of", asof.moment, name="moment"),
    path("as-of/<str:label>/<str:pk>", asof.state, name="as-of"),
    path("why/<uuid:pk>", why.why, name="why"),
    path("why/<uuid:pk>/again", why.again, name="again"),
    path("why/by-key/<str:name>", why.for_key, name="why-key"),
    path("export", exports.export, name="export"),
    path("views", saved.save, name="save-view"),
    path("views/<uuid:pk>/remove", saved.remove, name="remove-view"),
    path("verification", verification.verification, name="verification"),
    path("verification/ask", verification.ask, name="verify"),
    path("verification/<uuid:pk>", verification.result, name="verified"),
    path("verification/hold", verification.hold, name="hold"),
    path("verification/hold/<int:pk>/lift", verification.lift, name="lift-hold"),
    path("frameworks", frameworks.frameworks, name="frameworks"),
    path("frameworks/<slug:slug>", frameworks.framework, name="framework"),
    path("access", access.access, name="access"),
    path("access/reviews", access.start, name="start-review"),
    path("access/A-<int:number>", access.review, name="review"),
    path("access/A-<int:number>/close", access.close, name="close-review"),
    path("access/rights/<uuid:pk>", access.decide, name="decide-right"),
    path("notes", notes.notes, name="notes"),
    path("<uuid:pk>/notes", notes.write, name="write-note"),
    path("acts", frameworks.dictionary, name="dictionary"),
]
