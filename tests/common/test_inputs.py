"""A value in a browser's own field for days and moments is one that the browser takes."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path

from django.conf import settings

from apps.common.inputs import DayInput, MomentInput


def test_days_and_moments_are_written_as_browsers_want_them() -> None:
    moment = dt.datetime(2026, 11, 27, 8, 5, 30, tzinfo=dt.UTC)
    assert 'type="date"' in DayInput().render("day", moment.date())
    assert 'value="2026-11-27"' in DayInput().render("day", moment.date())
    assert 'value="2026-11-27T08:05"' in MomentInput().render("at", moment)


def test_no_form_has_a_field_of_its_own_for_them() -> None:
    own = re.compile(r"forms\.Date(Time)?Input\(")
    for path in Path(settings.BASE_DIR, "apps").rglob("*.py"):
        if path.name != "inputs.py":
            assert not own.search(path.read_text()), path
