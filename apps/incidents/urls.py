from __future__ import annotations

from django.urls import path

from apps.incidents import views

app_name = "incidents"
urlpatterns = [
    path("", views.incidents, name="incidents"),
    path("report", views.report, name="report"),
    path("groups", views.groups, name="groups"),
    path("groups/<uuid:pk>/snooze", views.snooze, name="snooze"),
    path("I-<int:number>", views.incident, name="incident"),
    path("I-<int:number>/contain", views.contain, name="contain"),
    path("I-<int:number>/do/<slug:verb>", views.act, name="act"),
]
