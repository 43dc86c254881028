"""Flips that were found before kinds were told apart, and backtests that were on their way."""

from typing import Any

from django.db import migrations
from django.db.models import F, Value
from django.db.models.functions import Concat


def fill(apps: Any, editor: Any) -> None:
    for name in ("BacktestFlip", "ShadowFlip"):
        rows = apps.get_model("policies", name).objects.filter(kind="")
        rows.update(kind=Concat("before", Value("→"), "after"))
    apps.get_model("policies", "Backtest").objects.update(planned=F("done"))


class Migration(migrations.Migration):
    dependencies = [("policies", "0004_shared_backtests")]
    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
