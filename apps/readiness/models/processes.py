"""The inventory: processes, the systems they live on, and what is known of each step."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from apps.access.models import Department, User
from apps.common.tracked import Tracked
from apps.readiness.states import Access, Level, RuleKind, Undo


class System(Tracked):
    """A system as logs name it. Full access counts only for a sanctioned one."""

    name = models.CharField(max_length=120, unique=True)
    access = models.CharField(max_length=4, choices=Access.choices, default=Access.NONE)
    sanctioned = models.BooleanField(default=False)
    owner = models.ForeignKey(
        User, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    purpose = models.TextField(blank=True)

    def __str__(self) -> str:
        return self.name


class Process(Tracked):
    """A process agents might work in. `level` is the one that bounds agents: it falls as soon as
    an assessment says so, and rises when somebody of the council accepts an assessment, whose
    number is `level_from`. `steps` is the form of mining.documented.from_steps; a BPMN file, where
    one was imported, goes before it. `volume` and `minutes` are [low, likely, high]."""

    slug = models.SlugField(unique=True)
    name = models.CharField(max_length=120)
    purpose = models.TextField()
    department = models.ForeignKey(Department, on_delete=models.PROTECT, related_name="+")
    owner = models.ForeignKey(
        User, on_delete=models.PROTECT, null=True, blank=True, related_name="processes"
    )
    lawful_basis = models.TextField(blank=True)
    prohibited = models.BooleanField(default=False)
    volume = models.JSONField(default=list, blank=True)
    minutes = models.JSONField(default=list, blank=True)
    procedure_on = models.DateField(null=True, blank=True)
    escalation = models.TextField(blank=True)
    reviewer_hours = models.PositiveIntegerField(default=0)
    depends_on = models.JSONField(default=list, blank=True)
    critical_fields = models.JSONField(default=list, blank=True)
    steps = models.JSONField(default=list, blank=True)
    bpmn = models.TextField(blank=True)
    level = models.PositiveSmallIntegerField(choices=Level.choices, default=Level.UNKNOWN)
    level_from = models.PositiveIntegerField(null=True, blank=True)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(level__in=Level.values), name="a_process_has_a_known_level"
            )
        ]
        indexes = [models.Index(fields=["name"], name="process_by_name")]

    def __str__(self) -> str:
        return self.name


class Activity(Tracked):
    """What is known of one step beyond the log: what harm it can do (0: it changes nothing, to 5),
    whether it can be undone, and whether a person looks before it."""

    process = models.ForeignKey(Process, on_delete=models.CASCADE, related_name="activities")
    name = models.CharField(max_length=200)
    severity = models.PositiveSmallIntegerField(default=1)
    undo = models.CharField(max_length=8, choices=Undo.choices, default=Undo.NONE)
    undo_how = models.TextField(blank=True)
    undo_tested_on = models.DateField(null=True, blank=True)
    guarded = models.BooleanField(default=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["process", "name"], name="a_step_is_described_once"),
            models.CheckConstraint(condition=Q(severity__lte=5), name="severity_is_at_most_five"),
            models.CheckConstraint(
                condition=~Q(undo="tested") | Q(undo_tested_on__isnull=False),
                name="a_tested_undo_says_when",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Source(Tracked):
    """A table that the process lives on, with the rules it must keep (mining.quality)."""

    process = models.ForeignKey(Process, on_delete=models.CASCADE, related_name="sources")
    name = models.CharField(max_length=120)
    system = models.ForeignKey(
        System, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    owner = models.ForeignKey(
        User, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    rules = models.JSONField(default=list, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["process", "name"], name="a_source_is_named_once")
        ]

    def __str__(self) -> str:
        return self.name


class Rule(Tracked):
    """A rule that the procedure states, replayed on what happened. `body`: for a decision
    mining.replays' form, otherwise {"first", "second"}."""

    process = models.ForeignKey(Process, on_delete=models.CASCADE, related_name="rules")
    kind = models.CharField(max_length=12, choices=RuleKind.choices)
    body = models.JSONField()

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.body}"
