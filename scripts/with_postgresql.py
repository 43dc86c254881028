"""Runs a command against a throwaway PostgreSQL made from the installed binaries.

Starts a server in a temporary folder on a socket of its own, sets COUNCIL_DATABASE_URL, and
removes everything afterwards. Says so loudly where there is no PostgreSQL. Tests need not survive a
power cut, so it does not wait for the disk; with `--durable` first it does, as measurements must.
"""

from __future__ import annotations

import glob
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

OPTIONS = "-c listen_addresses='' -k {folder}"
HASTY = " -c fsync=off -c full_page_writes=off"


def binaries() -> Path | None:
    for found in sorted(glob.glob("/usr/lib/postgresql/*/bin/initdb"), reverse=True):
        return Path(found).parent
    found = shutil.which("initdb")
    return Path(found).resolve().parent if found else None


def as_server_user(command: list[str]) -> list[str]:
    """PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return command
    return ["runuser", "-u", server_user(), "--", *command]


def server_user() -> str:
    if os.geteuid() != 0:
        return pwd.getpwuid(os.geteuid()).pw_name
    try:
        return pwd.getpwnam("postgres").pw_name
    except KeyError:
        return "nobody"


def main() -> int:
    tools = binaries()
    if tools is None or not (tools / "pg_ctl").exists():
        print("SKIPPED: no PostgreSQL binaries here, so nothing was run on PostgreSQL.", flush=True)
        return 0
    durable = sys.argv[1:2] == ["--durable"]
    command = sys.argv[2 if durable else 1 :]
    options = OPTIONS if durable else OPTIONS + HASTY
    with tempfile.TemporaryDirectory(prefix="council-pg-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o777)
        data = folder / "data"
        run = subprocess.run
        run(as_server_user([str(tools / "initdb"), "-A", "trust", "-D", str(data)]),
            check=True, stdout=subprocess.DEVNULL, cwd=folder)  # fmt: skip
        control = [str(tools / "pg_ctl"), "-D", str(data), "-w"]
        start = [*control, "-o", options.format(folder=folder), "-l", str(folder / "log"), "start"]
        run(as_server_user(start), check=True, stdout=subprocess.DEVNULL, cwd=folder)
        try:
            url = f"postgresql://{server_user()}@/postgres?host={folder}"
            environment = {**os.environ, "COUNCIL_DATABASE_URL": url}
            return run(command, env=environment, check=False).returncode
        finally:
            stop = [*control, "-m", "immediate", "stop"]
            run(as_server_user(stop), check=False, stdout=subprocess.DEVNULL, cwd=folder)


if __name__ == "__main__":
    raise SystemExit(main())
