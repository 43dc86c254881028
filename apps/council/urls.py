from __future__ import annotations

from django.urls import path

from apps.council import views

app_name = "council"
urlpatterns = [
    path("", views.overview, name="overview"),
    path("healthz", views.healthz, name="healthz"),
    path("decisions/", views.decisions, name="decisions"),
    path("decisions/M-<int:number>", views.motion, name="motion"),
    path("decisions/M-<int:number>/vote", views.vote, name="vote"),
    path("decisions/M-<int:number>/comment", views.comment, name="comment"),
    path("decisions/M-<int:number>/do/<slug:verb>", views.act, name="act"),
    path("decisions/M-<int:number>/answer/<uuid:pk>", views.answer, name="answer"),
    path(
        "decisions/propose/policy/<slug:slug>/<int:number>",
        views.propose_policy,
        name="propose-policy",
    ),
    path(
        "decisions/propose/agent/<slug:slug>", views.propose_activation, name="propose-activation"
    ),
    path("decisions/propose/grant/<slug:slug>", views.propose_grant, name="propose-grant"),
    path("decisions/M-<int:number>/hand/<uuid:pk>", views.raise_hand, name="hand"),
    path("decisions/M-<int:number>.json", views.record_of, name="record"),
    path("decisions/propose/level/<int:pk>", views.propose_level, name="propose-level"),
    path("decisions/propose/rules", views.propose_rules, name="propose-rules"),
    path("decisions/propose/weights", views.propose_weights, name="propose-weights"),
    path("decisions/propose/<slug:what>", views.propose, name="propose"),
    path("council/", views.council, name="council"),
    path("council/seats", views.seats, name="seats"),
    path("council/seats/<int:pk>/alternate", views.alternate, name="alternate"),
    path("council/seats/<int:pk>/end", views.end_seat, name="end-seat"),
    path("council/calendar", views.calendar, name="calendar"),
    path("council/calendar.ics", views.calendar_file, name="calendar-file"),
    path("council/certify/<int:pk>", views.certify, name="certify"),
    path("council/emergency", views.emergency_page, name="emergency"),
    path("council/emergency/E-<int:number>", views.measure, name="measure"),
    path("council/emergency/E-<int:number>/<slug:verb>", views.measure_act, name="measure-act"),
    path("council/sittings/new", views.call, name="call"),
    path("council/sittings/S-<int:number>", views.sitting, name="sitting"),
    path("council/sittings/S-<int:number>/<slug:verb>", views.sitting_act, name="sitting-act"),
]
