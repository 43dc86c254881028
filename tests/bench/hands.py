"""A process of the bench that works on a backtest, or asks bare Cedar, when it is told to go,
and tells the seconds of processor time that this took."""

from __future__ import annotations

import sys
import time
import uuid

import django


def main() -> None:
    django.setup()
    from apps.policies import bench, replay
    from apps.policies.models import PolicyVersion
    from tests.bench.proofs import questions_for, time_cedar

    kind, *rest = sys.argv[1:]
    if kind == "cedar":
        draft = PolicyVersion.objects.get(pk=rest[0])
        asked = [
            questions_for(rules, int(rest[1]))
            for rules in (bench.rules_in_force(), bench.rules_with(draft))
        ]
    print("ready", flush=True)
    sys.stdin.readline()
    begun = time.process_time()
    if kind == "cedar":
        for each in asked:
            time_cedar(each)
    else:
        while replay.work_on(uuid.UUID(rest[0])):
            pass
    print(f"done {time.process_time() - begun:.3f}", flush=True)


if __name__ == "__main__":
    main()
