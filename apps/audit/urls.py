from __future__ import annotations

from django.urls import path

from apps.audit.views import events, history

app_name = "audit"
urlpatterns = [
    path("", events.events, name="events"),
    path("<uuid:pk>", events.event, name="event"),
    path("history/<str:label>/<str:pk>", history.history, name="history"),
]
