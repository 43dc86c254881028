from __future__ import annotations

from django.urls import path

from apps.orchestration import views

app_name = "orchestration"
urlpatterns = [
    path("", views.runs, name="runs"),
    path("attention", views.attention, name="attention"),
    path("export", views.export, name="export"),
    path("limits", views.limits, name="limits"),
    path("workflows", views.workflows, name="workflows"),
    path("workflows/<slug:slug>/process", views.place, name="place-workflow"),
    *(
        path(f"limits/{kind}", views.set_limit, {"kind": kind}, name=f"set-{kind}")
        for kind in views.KINDS
    ),
    path("limits/budget/<int:pk>/lift", views.lift, name="lift-budget"),
    path("R-<int:number>", views.run, name="run"),
    *(
        path(f"R-<int:number>/{verb}", views.change, {"verb": verb}, name=verb)
        for verb in views.VERBS
    ),
    *(
        path(f"steps/<uuid:pk>/{verb}", views.mend, {"verb": verb}, name=f"step-{verb}")
        for verb in views.MENDING
    ),
    *(
        path(f"actions/<uuid:pk>/{verb}", views.settle, {"verb": verb}, name=f"action-{verb}")
        for verb in views.SETTLING
    ),
]
