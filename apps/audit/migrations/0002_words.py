"""The index of words is made after migrating, as it is no model's (apps/audit/installation.py)."""

from __future__ import annotations

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("audit", "0001_trail")]
    operations = []
