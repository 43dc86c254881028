from __future__ import annotations

from django.urls import path

from apps.registry import views

app_name = "registry"
urlpatterns = [
    path("", views.agents, name="agents"),
    path("register", views.register, name="register"),
    path("tools", views.tools, name="tools"),
    path("tools/register", views.register_tool, name="register-tool"),
    path("lists", views.lists, name="lists"),
    path("tools/<str:name>", views.tool, name="tool"),
    path("<slug:slug>", views.agent, name="agent"),
    *(
        path(f"<slug:slug>/{verb}", views.change, {"verb": verb}, name=verb)
        for verb in ("suspend", "resume", "retire")
    ),
    path("<slug:slug>/keys", views.issue, name="issue"),
    path(
        "<slug:slug>/keys/<int:pk>/rotate", views.end_credential, {"verb": "rotate"}, name="rotate"
    ),
    path(
        "<slug:slug>/keys/<int:pk>/revoke",
        views.end_credential,
        {"verb": "revoke"},
        name="revoke-key",
    ),
    path("<slug:slug>/grants/<int:pk>/revoke", views.revoke, name="revoke-grant"),
]
