from __future__ import annotations

from django.urls import path

from apps.audit.views import packs

app_name = "evidence"
urlpatterns = [
    path("", packs.packs, name="packs"),
    path("new", packs.new, name="new"),
    path("EP-<int:number>", packs.pack, name="pack"),
    path("EP-<int:number>/download", packs.download, name="download"),
]
