from __future__ import annotations

from django.urls import path

from apps.audit.views import events, exports, history, objects, saved

app_name = "audit"
urlpatterns = [
    path("", events.events, name="events"),
    path("<uuid:pk>", events.event, name="event"),
    path("history/<str:label>/<str:pk>", history.history, name="history"),
    path("object/<str:label>/<str:pk>", objects.trail, name="object"),
    path("as-of/<str:label>/<str:pk>", objects.trail, name="as-of"),
    path("export", exports.export, name="export"),
    path("views", saved.save, name="save-view"),
    path("views/<uuid:pk>/remove", saved.remove, name="remove-view"),
]
