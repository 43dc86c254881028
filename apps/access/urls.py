from __future__ import annotations

from django.contrib.auth.views import LogoutView
from django.urls import path

from apps.access import views

app_name = "access"
urlpatterns = [
    path("sign-in", views.SignIn.as_view(), name="sign-in"),
    path("sign-out", LogoutView.as_view(), name="sign-out"),
    path("me", views.preferences, name="preferences"),
    path("people", views.people, name="people"),
    path("people/managers", views.set_manager, name="set-manager"),
    path("people/roles", views.give_role, name="give-role"),
    path("people/roles/<int:pk>/take", views.take_role, name="take-role"),
]
