"""When a break is advised. It is advice: nothing stops a person. No database, no clock."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

HOUR = dt.timedelta(hours=1)
PAUSE = dt.timedelta(minutes=20)
LONG_SITTING = dt.timedelta(hours=2)
LOOKED_BACK = 200


def sitting(answers: Sequence[dt.datetime], moment: dt.datetime) -> list[dt.datetime]:
    """The answers since the last pause of twenty minutes, newest first."""
    found: list[dt.datetime] = []
    after = moment
    for at in answers:
        if after - at >= PAUSE:
            break
        found.append(at)
        after = at
    return found


def advice(answers: Sequence[dt.datetime], moment: dt.datetime, *, per_hour: int) -> str:
    """Why a break would do good, given a person's answers, newest first; "" for no reason."""
    last_hour = sum(moment - at < HOUR for at in answers)
    if last_hour >= per_hour:
        return f"You have answered {last_hour} items in an hour. Take a break before this one."
    now_sitting = sitting(answers, moment)
    if now_sitting and moment - now_sitting[-1] >= LONG_SITTING:
        hours = (moment - now_sitting[-1]).total_seconds() / 3600
        return (
            f"You have been deciding for {hours:.1f} hours without a pause of twenty minutes. "
            "Take one before this item."
        )
    return ""
