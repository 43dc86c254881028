from __future__ import annotations

from django.urls import path

from apps.policies import views

app_name = "policies"
urlpatterns = [
    path("", views.policies, name="policies"),
    path("new", views.create, name="create"),
    path("<slug:slug>", views.policy, name="policy"),
    path("<slug:slug>/edit", views.edit, name="edit"),
    path("<slug:slug>/versions/<int:old>..<int:new>", views.compare, name="compare"),
    path("<slug:slug>/versions/<int:number>/activate", views.activate, name="activate"),
]
