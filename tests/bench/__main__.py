"""`make bench`: every recipe, one table, and the same as JSON. Never a pass or fail."""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
from pathlib import Path


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench")
    parser.add_argument("--full", action="store_true", help="longer rounds, steadier figures")
    parser.add_argument(
        "--only",
        default="",
        help="verdicts, http, celery, proofs, desk, record, trail, logs, signals, contain or rest",
    )
    parser.add_argument("--inside", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.inside:
        measure(options)
        return
    from tests.bench.place import folder

    with folder() as place:
        environment = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "COUNCIL_VAR_DIR": str(place),
            "COUNCIL_SECRET_KEY": "bench",
            "COUNCIL_DEMO": "0",
            "COUNCIL_ALLOWED_HOSTS": "127.0.0.1",
        }
        again = [sys.executable, "-m", "tests.bench", "--inside", str(place), *sys.argv[1:]]
        raise SystemExit(subprocess.run(again, env=environment, check=False).returncode)


def measure(options: argparse.Namespace) -> None:
    import django

    django.setup()
    from django.core.management import call_command
    from django.db import connection

    from tests.bench import (
        at_rest,
        contain,
        desk,
        logs,
        proofs,
        record,
        runs,
        signals,
        trail,
        verdicts,
    )
    from tests.bench.place import Row, table

    call_command("migrate", verbosity=0)
    rows: list[Row] = []
    sqlite = connection.vendor == "sqlite"
    recipes = {
        "verdicts": verdicts.in_process,
        "http": verdicts.over_http,
        "celery": runs.through_celery,
        "proofs": proofs.proofs,
        "desk": desk.desk,
        "record": record.recorded,
        "trail": trail.trail,
        "logs": logs.logs,
        "signals": signals.signals,
        "contain": contain.contain,
        **({"rest": at_rest.at_rest} if sqlite else {}),
    }
    wanted = options.only.split(",") if options.only else list(recipes)
    if "verdicts" not in wanted and {"http", "celery", "proofs", "desk", "trail"} & set(wanted):
        verdicts.world(100)
        verdicts.bare_commit()
    for name, recipe in recipes.items():
        if name in wanted:
            print(f"Measuring {name} …", flush=True)
            rows += recipe(full=options.full)
    machine = f"{platform.machine()}, {os.cpu_count()} cores, {connection.vendor}"
    print(f"\n{machine}\n{table(rows)}")
    place = Path("var")
    place.mkdir(exist_ok=True)
    text = json.dumps([row.as_json() for row in rows], indent=2, ensure_ascii=False)
    (place / f"bench-{connection.vendor}.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
