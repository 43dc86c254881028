from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q

from apps.common.ids import uuid7
from apps.common.tracked import Tracked


class Supplier(Tracked):
    """Vendor master data. `version` moves with every change, so that an undo can tell."""

    number = models.CharField(max_length=20, unique=True)
    name = models.CharField(max_length=200)
    vat_id = models.CharField(max_length=40, db_index=True)
    country = models.CharField(max_length=2)
    iban = models.CharField(max_length=40)
    iban_since = models.DateTimeField()
    known_since = models.DateTimeField()
    payment_days = models.PositiveSmallIntegerField(default=30)
    blocked = models.BooleanField(default=False)
    version = models.PositiveIntegerField(default=1)

    def __str__(self) -> str:
        return f"{self.name} ({self.number})"

    @classmethod
    def lock_by_number(cls, number: str) -> Supplier:
        """The supplier, locked until the transaction ends. Raises DoesNotExist."""
        found: Supplier = cls.objects.select_for_update().get(number=number)
        return found


class PurchaseOrder(models.Model):
    number = models.CharField(max_length=40, unique=True)
    supplier = models.ForeignKey(Supplier, on_delete=models.PROTECT, related_name="orders")
    ordered_at = models.DateTimeField()
    currency = models.CharField(max_length=3, default="EUR")
    amount = models.BigIntegerField()
    received = models.BigIntegerField(default=0)
    invoiced = models.BigIntegerField(default=0)
    description = models.CharField(max_length=200)

    objects: ClassVar[models.Manager[PurchaseOrder]] = models.Manager()

    class Meta:
        indexes = [models.Index(fields=["supplier", "-ordered_at"], name="order_by_supplier")]

    def __str__(self) -> str:
        return self.number


class DocumentStatus(models.TextChoices):
    RECEIVED = "received", "Received"
    INVALID = "invalid", "Invalid"
    HELD = "held", "Held for a person"
    MATCHED = "matched", "Matched"
    POSTED = "posted", "Posted"
    SCHEDULED = "scheduled", "Payment scheduled"
    REFUSED = "refused", "Refused"


class InvoiceDocument(models.Model):
    """One document that came in; `digest` is of its bytes, which lie in a file of that name."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    digest = models.CharField(max_length=64, unique=True)
    filename = models.CharField(max_length=200)
    source = models.CharField(max_length=10)
    received_at = models.DateTimeField()
    kind = models.CharField(max_length=12, blank=True)
    number = models.CharField(max_length=80, blank=True)
    supplier_name = models.CharField(max_length=200, blank=True)
    supplier_vat = models.CharField(max_length=40, blank=True)
    supplier = models.ForeignKey(
        Supplier, on_delete=models.PROTECT, null=True, related_name="documents"
    )
    order_number = models.CharField(max_length=80, blank=True)
    issued_on = models.DateField(null=True)
    due_on = models.DateField(null=True)
    currency = models.CharField(max_length=3, blank=True)
    amount = models.BigIntegerField(null=True)
    iban = models.CharField(max_length=40, blank=True)
    status = models.CharField(
        max_length=10, choices=DocumentStatus.choices, default=DocumentStatus.RECEIVED
    )
    note = models.TextField(blank=True)
    findings = models.JSONField(default=list)

    objects: ClassVar[models.Manager[InvoiceDocument]] = models.Manager()

    class Meta:
        indexes = [
            models.Index(fields=["-received_at", "-id"], name="document_newest"),
            models.Index(fields=["status", "-received_at", "-id"], name="document_by_status"),
            models.Index(fields=["supplier", "number"], name="document_by_number"),
        ]

    def __str__(self) -> str:
        return f"{self.number or self.filename} from {self.supplier_name or 'unknown'}"


class Posting(models.Model):
    """A posted invoice: expense against payables, in minor units."""

    document = models.OneToOneField(
        InvoiceDocument, on_delete=models.PROTECT, related_name="posting"
    )
    idem_key = models.CharField(max_length=120, unique=True)
    amount = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    posted_at = models.DateTimeField()
    reversed_at = models.DateTimeField(null=True)

    objects: ClassVar[models.Manager[Posting]] = models.Manager()

    def __str__(self) -> str:
        return f"{self.document_id}: {self.amount} {self.currency}"


class Payment(models.Model):
    """A payment in the plan; it is released by the treasury's own run, on its day."""

    document = models.OneToOneField(
        InvoiceDocument, on_delete=models.PROTECT, related_name="payment"
    )
    idem_key = models.CharField(max_length=120, unique=True)
    amount = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    iban = models.CharField(max_length=40)
    pay_on = models.DateField()
    scheduled_at = models.DateTimeField()
    cancelled_at = models.DateTimeField(null=True)
    # What the bank said where it did not carry the payment out.
    refused_at = models.DateTimeField(null=True)
    refused_code = models.CharField(max_length=4, blank=True)
    refused_why = models.TextField(blank=True)

    objects: ClassVar[models.Manager[Payment]] = models.Manager()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(amount__gt=0), name="a_payment_pays_something")
        ]

    def __str__(self) -> str:
        return f"{self.amount} {self.currency} on {self.pay_on}"

    @property
    def reference(self) -> str:
        """By which the bank knows it (ISO 20022, end-to-end identification)."""
        return f"PAY-{self.pk}"
