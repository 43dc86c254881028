from __future__ import annotations

from django.urls import path

from apps.policies import views

app_name = "policies"
urlpatterns = [
    path("", views.policies, name="policies"),
    path("new", views.create, name="create"),
    path("judged/<uuid:pk>", views.judged, name="judged"),
    path("<slug:slug>", views.policy, name="policy"),
    path("<slug:slug>/edit", views.edit, name="edit"),
    path("<slug:slug>/rule", views.rule, name="rule"),
    path("<slug:slug>/versions/<int:number>", views.proof_page, name="proof"),
    path("<slug:slug>/versions/<int:number>/claim", views.claim, name="claim"),
    path("<slug:slug>/versions/<int:number>/shadow", views.shadow, name="shadow"),
    path("<slug:slug>/versions/<int:number>/backtest", views.start_backtest, name="start-backtest"),
    path("<slug:slug>/versions/<int:number>/cases", views.add_case, name="add-case"),
    path(
        "<slug:slug>/versions/<int:number>/boundaries",
        views.save_boundaries,
        name="save-boundaries",
    ),
    path(
        "<slug:slug>/versions/<int:number>/cases/<int:pk>/remove",
        views.remove_case,
        name="remove-case",
    ),
    path("<slug:slug>/backtests/<uuid:pk>", views.backtest, name="backtest"),
    path("<slug:slug>/backtests/<uuid:pk>/cancel", views.cancel_backtest, name="cancel-backtest"),
    path("<slug:slug>/versions/<int:old>..<int:new>", views.compare, name="compare"),
]
