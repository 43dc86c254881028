"""The forms of approvals, split by noun; they validate and save nothing."""

from __future__ import annotations

from apps.approvals.forms.beforehand import FreezeForm, ReasonCodeForm, StandingForm
from apps.approvals.forms.calls import AskForm, CallForm
from apps.approvals.forms.people import DelegationForm
from apps.approvals.forms.queues import (
    CalendarForm,
    CheckpointForm,
    EntrustForm,
    NoteForm,
    QueueForm,
    TimingForm,
)
from apps.approvals.forms.vigilance import SeedTemplateForm, TrainingForm

__all__ = [
    "AskForm",
    "CalendarForm",
    "CallForm",
    "CheckpointForm",
    "DelegationForm",
    "EntrustForm",
    "FreezeForm",
    "NoteForm",
    "QueueForm",
    "ReasonCodeForm",
    "SeedTemplateForm",
    "StandingForm",
    "TimingForm",
    "TrainingForm",
]
