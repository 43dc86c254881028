from __future__ import annotations

from django.urls import path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from apps.gateway import api, read

app_name = "gateway"
urlpatterns = [
    path("v1/actions", api.Actions.as_view(), name="actions"),
    path("v1/actions/<uuid:pk>", api.ActionDetail.as_view(), name="action"),
    path("v1/actions/<uuid:pk>/outcome", api.ActionOutcome.as_view(), name="outcome"),
    path("v1/agents", read.Agents.as_view(), name="agents"),
    path("v1/runs", read.Runs.as_view(), name="runs"),
    path("v1/approvals", read.Approvals.as_view(), name="approvals"),
    path("v1/policies", read.Policies.as_view(), name="policies"),
    path("v1/events", read.Events.as_view(), name="events"),
    path("schema", SpectacularAPIView.as_view(), name="schema"),
    path("docs", SpectacularSwaggerSplitView.as_view(url_name="gateway:schema"), name="docs"),
]
