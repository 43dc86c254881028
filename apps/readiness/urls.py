from __future__ import annotations

from django.urls import path

from apps.readiness.views import assessments, descriptions, interviews, inventory, logs

app_name = "readiness"
urlpatterns = [
    path("", assessments.portfolio, name="portfolio"),
    path("new", inventory.new_process, name="process_new"),
    path("systems", inventory.systems, name="systems"),
    path("systems/new", inventory.edit_system, name="system_new"),
    path("systems/<int:pk>", inventory.edit_system, name="system"),
    path("EL-<int:number>", logs.log, name="log"),
    path("EL-<int:number>/cancel", logs.cancel_log, name="log_cancel"),
    path("DT-<int:number>", logs.table, name="table"),
    path("DT-<int:number>/cancel", logs.cancel_table, name="table_cancel"),
    path("RI-<int:number>", interviews.interview, name="interview"),
    path("RI-<int:number>/judge", interviews.judge, name="interview_judge"),
    path("RA-<int:number>", assessments.assessment, name="assessment"),
    path("RA-<int:number>/accept", assessments.accept, name="accept"),
    path("RA-<int:number>/cancel", assessments.cancel, name="assessment_cancel"),
    path("RA-<int:number>/compare", assessments.compare, name="compare"),
    path("<slug:slug>", assessments.process, name="process"),
    path("<slug:slug>/edit", inventory.edit_process, name="process_edit"),
    path("<slug:slug>/steps", descriptions.steps, name="steps"),
    path("<slug:slug>/describe", descriptions.describe, name="describe"),
    path("<slug:slug>/tables/<int:pk>", logs.upload_table, name="table_upload"),
    path("<slug:slug>/logs", logs.upload, name="log_upload"),
    path("<slug:slug>/answer", interviews.answer, name="answer"),
    path("<slug:slug>/assess", assessments.assess, name="assess"),
]
