"""Evidence packs: the list, asking for one, reading it, and the download."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from pathlib import Path
from typing import cast

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET

from apps.access.guards import PersonRequest, needs
from apps.audit.forms import PackForm
from apps.audit.models import EvidencePack
from apps.audit.packs import services
from apps.audit.states import PackStatus
from apps.common.clock import now
from apps.common.paging import page
from apps.ledger import keys

BLOCK = 1 << 18
RANGE = re.compile(r"^bytes=(\d*)-(\d*)$")


@needs("evidence.build")
def packs(request: PersonRequest) -> HttpResponse:
    found = page(request, services.packs(request.user), field="created_at")
    return render(request, "audit/packs.html", {"page": found})


@needs("evidence.build")
def new(request: PersonRequest) -> HttpResponse:
    today = now().date()
    form = PackForm(
        request.POST or None, initial={"since": today - dt.timedelta(days=30), "until": today}
    )
    if request.method == "POST" and form.is_valid():
        since, until = form.period()
        pack = services.ask_for_pack(
            actor=request.user,
            control=form.cleaned_data["control"],
            since=since,
            until=until,
            sample_size=form.cleaned_data["sample_size"],
            seed=form.cleaned_data["seed"],
        )
        return redirect("evidence:pack", pack.number)
    status = 422 if request.method == "POST" else 200
    return render(request, "audit/pack_new.html", {"form": form}, status=status)


@needs("evidence.build")
def pack(request: PersonRequest, number: int) -> HttpResponse:
    found = services.pack_numbered(request.user, number)
    key = keys.in_force()
    context = {
        "pack": found,
        "report": found.report,
        "building": found.status in (PackStatus.QUEUED, PackStatus.BUILDING),
        "ready": found.status == PackStatus.READY,
        "fingerprint": key.fingerprint if key else "",
    }
    return render(request, "audit/pack.html", context)


@needs("evidence.build")
@require_GET
def download(request: PersonRequest, number: int) -> HttpResponse:
    found = services.pack_numbered(request.user, number)
    services.take_home(actor=request.user, pack=found)
    return ranged(request, found)


def ranged(request: HttpRequest, pack: EvidencePack) -> HttpResponse:
    """The file, or the part of it that the browser still misses (RFC 9110, one range)."""
    size, tag = pack.path.stat().st_size, f'"{pack.sha256}"'
    wanted = part_of(request.headers.get("Range", ""), size)
    if request.headers.get("If-Range", tag) != tag:
        wanted = (0, size)
    if wanted is None:
        refusal = HttpResponse(status=416)
        refusal.headers["Content-Range"] = f"bytes */{size}"
        return refusal
    start, stop = wanted
    partial = (start, stop) != (0, size)
    answer = StreamingHttpResponse(
        blocks(pack.path, start, stop),
        content_type="application/zip",
        status=206 if partial else 200,
    )
    answer.headers["Content-Length"] = str(stop - start)
    answer.headers["Content-Disposition"] = f'attachment; filename="{pack.file_name}"'
    answer.headers["Accept-Ranges"] = "bytes"
    answer.headers["ETag"] = tag
    if partial:
        answer.headers["Content-Range"] = f"bytes {start}-{stop - 1}/{size}"
    return cast(HttpResponse, answer)


def part_of(header: str, size: int) -> tuple[int, int] | None:
    """(start, stop) of what is asked for; everything for a header that is not ours to read, and
    None for a part that is not there."""
    found = RANGE.match(header)
    if found is None or found.group(1) == found.group(2) == "":
        return 0, size
    if not found[1]:
        return max(0, size - int(found[2])), size
    start = int(found[1])
    stop = min(size, int(found[2]) + 1) if found[2] else size
    return (start, stop) if start < stop else None


def blocks(path: Path, start: int, stop: int) -> Iterator[bytes]:
    with path.open("rb") as file:
        file.seek(start)
        while start < stop and (block := file.read(min(BLOCK, stop - start))):
            start += len(block)
            yield block
