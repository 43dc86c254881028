from __future__ import annotations

from django.urls import path

from apps.pilots.invoices import api, views

app_name = "invoices"
urlpatterns = [
    path("", views.documents, name="documents"),
    path("upload", views.upload, name="upload"),
    path("suppliers", views.suppliers, name="suppliers"),
    path("deliveries", api.Deliveries.as_view(), name="deliveries"),
    path("<uuid:pk>", views.document, name="document"),
]
