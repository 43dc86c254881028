from __future__ import annotations

from typing import Any, ClassVar

from django.db import models

from apps.common.canonical import digest
from apps.common.ids import uuid7

SCHEMA_VERSION = 2
# Columns that came after the first schema, and the schema that first holds them. A column that is
# named nowhere belongs to every schema: forgetting it here breaks old digests, never hides a field.
SINCE = {"reason_digest": 2, "versions": 2}
ERASED = "Erased on request; its digest is kept."


class LedgerEvent(models.Model):
    """One act. Written once by `services.record`; the database refuses update and delete.

    `reason` holds sentences of the product; what somebody typed is a PersonalText, of which this
    row holds `reason_digest` only. `versions` are the other history rows of the act."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    schema = models.PositiveSmallIntegerField(default=SCHEMA_VERSION)
    at = models.DateTimeField()
    stream = models.CharField(max_length=20, default="main")
    type = models.CharField(max_length=60)
    actor_kind = models.CharField(max_length=10)
    actor_id = models.CharField(max_length=64, blank=True)
    actor_label = models.CharField(max_length=200)
    on_behalf_of = models.CharField(max_length=200, blank=True)
    act_id = models.UUIDField()
    run_id = models.UUIDField(null=True)
    trigger = models.CharField(max_length=200, blank=True)
    object_type = models.CharField(max_length=80, blank=True)
    object_id = models.CharField(max_length=64, blank=True)
    object_label = models.CharField(max_length=200, blank=True)
    history_ref = models.CharField(max_length=120, blank=True)
    history_digest = models.CharField(max_length=64, blank=True)
    versions = models.JSONField(default=list)
    outcome = models.CharField(max_length=20, default="done")
    reason = models.TextField(blank=True)
    reason_digest = models.CharField(max_length=64, blank=True)
    before = models.JSONField(null=True)
    after = models.JSONField(null=True)
    data_used = models.JSONField(default=list)
    policy_versions = models.JSONField(default=dict)
    digest = models.CharField(max_length=64)

    objects: ClassVar[models.Manager[LedgerEvent]] = models.Manager()

    class Meta:
        # Ascending, though pages read the newest first: a new event then goes to the end of each
        # index, which costs a fifth fewer pages per commit than going to its front.
        indexes = [
            models.Index(fields=["at", "id"], name="ledger_newest"),
            models.Index(fields=["type", "at", "id"], name="ledger_by_type"),
            models.Index(fields=["actor_kind", "actor_id", "at", "id"], name="ledger_by_actor"),
            models.Index(fields=["object_type", "object_id", "at", "id"], name="ledger_by_object"),
            models.Index(
                fields=["run_id", "at", "id"],
                condition=models.Q(run_id__isnull=False),
                name="ledger_by_run",
            ),
            models.Index(fields=["act_id", "at", "id"], name="ledger_by_act"),
            models.Index(fields=["outcome", "at", "id"], name="ledger_by_outcome"),
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.object_label}".strip()

    def content(self) -> dict[str, Any]:
        """Every field but the digest, taken from the model: a new column cannot fall outside."""
        return {
            field.attname: getattr(self, field.attname)
            for field in self._meta.concrete_fields
            if field.attname != "digest" and SINCE.get(field.attname, 0) <= self.schema
        }

    def computed_digest(self) -> str:
        return digest(self.content())

    @property
    def why(self) -> str:
        """The reason for people, wherever it is kept; queries that list events take it along with
        `select_related("personal")`."""
        if not self.reason_digest:
            return self.reason
        kept: PersonalText | None = getattr(self, "personal", None)
        return kept.text if kept is not None and kept.erased_at is None else ERASED


class PersonalText(models.Model):
    """What somebody typed: erasable, while the event keeps the digest of salt and text.

    A salt of its own for each text, so that showing one to an auditor proves nothing of others."""

    event = models.OneToOneField(
        LedgerEvent,
        primary_key=True,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        related_name="personal",
    )
    act_id = models.UUIDField()
    subject = models.CharField(max_length=80)
    salt = models.CharField(max_length=32, blank=True)
    text = models.TextField(blank=True)
    erased_at = models.DateTimeField(null=True)

    objects: ClassVar[models.Manager[PersonalText]] = models.Manager()

    class Meta:
        indexes = [
            models.Index(fields=["act_id"], name="text_by_act"),
            models.Index(fields=["subject", "event"], name="text_by_subject"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(erased_at__isnull=True) | models.Q(text="", salt=""),
                name="an_erased_text_is_gone",
            )
        ]

    def __str__(self) -> str:
        return self.text or ERASED
