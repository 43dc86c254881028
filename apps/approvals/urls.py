from __future__ import annotations

from django.urls import path

from apps.approvals import views

app_name = "approvals"
urlpatterns = [
    path("", views.inbox, name="inbox"),
    path("pulse", views.pulse, name="pulse"),
    path("together", views.bulk, name="bulk"),
    path("stand-ins", views.delegations, name="delegations"),
    path("stand-ins/<int:pk>/end", views.end_delegation, name="end-delegation"),
    path("notices", views.notices_page, name="notices"),
    path("insight", views.insight, name="insight"),
    path("levels", views.levels_page, name="levels"),
    path("levels/<int:pk>/tighten", views.tighten, name="tighten"),
    path("my-vigilance", views.my_vigilance, name="my-vigilance"),
    path("vigilance", views.programme, name="vigilance"),
    path("vigilance/template", views.template, name="seed-template"),
    path("vigilance/template/<int:pk>/make", views.make_seeds, name="make-seeds"),
    path("vigilance/item/<uuid:pk>", views.seed, name="seed"),
    path("second-looks", views.second_looks, name="second-looks"),
    path("second-looks/C-<int:number>", views.second_look, name="second-look"),
    path("training", views.training, name="training"),
    path("training/<int:pk>/end", views.end_training, name="end-training"),
    path("C-<int:number>/reveal", views.reveal, name="reveal"),
    path("skipped", views.skipped, name="skipped"),
    path("skipped/<uuid:pk>", views.skipped_item, name="skipped-item"),
    path("C-<int:number>/snooze", views.snooze, name="snooze"),
    path("C-<int:number>/look", views.look, name="look"),
    path("C-<int:number>", views.item, name="request"),
    path("C-<int:number>/decide", views.decide, name="decide"),
    path("C-<int:number>/claim", views.claim, name="claim"),
    path("C-<int:number>/release", views.release, name="release"),
    path("C-<int:number>/state", views.state, name="state"),
]
