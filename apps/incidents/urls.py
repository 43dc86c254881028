from __future__ import annotations

from django.urls import path

from apps.incidents.views import acts, containment, groups, incidents

app_name = "incidents"
urlpatterns = [
    path("", incidents.incidents, name="incidents"),
    path("report", incidents.report, name="report"),
    path("groups", groups.groups, name="groups"),
    path("groups/<uuid:pk>", groups.group, name="group"),
    path("groups/<uuid:pk>/merge", groups.merge, name="merge"),
    path("groups/<uuid:pk>/split", groups.split, name="split"),
    path("groups/<uuid:pk>/snooze", groups.snooze, name="snooze"),
    path("imported", groups.imports, name="imports"),
    path("imported/<uuid:pk>", groups.batch, name="batch"),
    path("imported/runs/<uuid:pk>", groups.imported_run, name="imported_run"),
    path("I-<int:number>", incidents.incident, name="incident"),
    path("I-<int:number>/contain", containment.contain, name="contain"),
    path("I-<int:number>/rollback", containment.rollback, name="rollback"),
    path("I-<int:number>/do/<slug:verb>", acts.act, name="act"),
]
