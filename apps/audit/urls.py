from __future__ import annotations

from django.urls import path

from apps.audit import views

app_name = "audit"
urlpatterns = [
    path("", views.events, name="events"),
    path("<uuid:pk>", views.event, name="event"),
    path("history/<str:label>/<str:pk>", views.history, name="history"),
]
