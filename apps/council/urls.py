from __future__ import annotations

from django.urls import path

from apps.council import views

app_name = "council"
urlpatterns = [
    path("", views.overview, name="overview"),
    path("healthz", views.healthz, name="healthz"),
]
