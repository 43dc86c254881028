"""One of everything that the readiness pages show, made by the services as people would."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile

from apps.access.models import Department, User
from apps.common.clock import now
from apps.readiness import outline, questions
from apps.readiness.mining import generate
from apps.readiness.mining.generate import as_csv
from apps.readiness.models import Assessment, Interview, Log, Process, Source, System, Table
from apps.readiness.services import assessing, interviews, inventory, logs, tables

Rows = list[dict[str, Any]]


def uploaded(actor: User, process: Process, data: bytes, name: str = "log.csv") -> Log:
    return logs.upload_log(actor=actor, process=process, upload=SimpleUploadedFile(name, data))


def read(actor: User, process: Process, rows: Rows) -> Log:
    row = uploaded(actor, process, as_csv(rows))
    logs.map_log(actor=actor, log=row, mapping=logs.mapping_of(row.mapping))
    logs.read(row.pk)
    row.refresh_from_db()
    assert row.ready, row.error
    return row


def measured(actor: User, process: Process, log: Log | None, **period: Any) -> Assessment:
    row = assessing.ask_for_assessment(actor=actor, process=process, log=log, **period)
    assessing.assess(row.pk)
    row.refresh_from_db()
    assert row.ready, row.error
    return row


@dataclass(frozen=True)
class Things:
    process: Process
    log: Log
    draft: Log
    failed: Log
    table: Table
    source: Source
    system: System
    interview: Interview
    assessment: Assessment
    earlier: Assessment

    def pages(self) -> dict[str, str]:
        slug = self.process.slug
        return {
            "readiness": "/readiness/",
            "systems": "/readiness/systems",
            "system": f"/readiness/systems/{self.system.pk}",
            "new process": "/readiness/new",
            "process": f"/readiness/{slug}",
            "edit process": f"/readiness/{slug}/edit",
            "outline": f"/readiness/{slug}/steps",
            "describe": f"/readiness/{slug}/describe",
            "questionnaire": f"/readiness/{slug}/answer",
            "answers": f"/readiness/RI-{self.interview.number}",
            "upload log": f"/readiness/{slug}/logs",
            "log": f"/readiness/EL-{self.log.number}",
            "mapping": f"/readiness/EL-{self.draft.number}",
            "failed log": f"/readiness/EL-{self.failed.number}",
            "table": f"/readiness/DT-{self.table.number}",
            "assess": f"/readiness/{slug}/assess",
            "assessment": f"/readiness/RA-{self.assessment.number}",
            "compare": f"/readiness/{self.assessment.reference}/compare"
            f"?with={self.earlier.reference}",
        }


def everything(
    operator: User, owner: User, member: User, department: Department, slug: str = "invoices"
) -> Things:
    """Beside what is there already, such as the demonstration's own processes."""
    for name in ("erp", "bank", "workflow", "ocr", "mailbox"):
        system = inventory.save_system(
            actor=operator, name=name, access="file" if name == "mailbox" else "api",
            sanctioned=True, owner=owner, system=System.objects.filter(name=name).first(),
        )  # fmt: skip
    process = inventory.register_process(
        actor=operator, slug=slug, name="Invoices", purpose="Pays what was delivered.",
        department=department, owner=owner, lawful_basis="Contracts with suppliers",
        volume=[8_000, 9_000, 10_000], minutes=[10, 12, 15], procedure_on=now().date(),
        escalation="Ask the head of payables.", reviewer_hours=10,
    )  # fmt: skip
    inventory.document_steps(actor=owner, process=process, text=outline.written(generate.STEPS))
    inventory.describe_step(
        actor=owner, process=process, name="Pay invoice", severity=4, undo="none", guarded=True
    )
    source = inventory.save_source(
        actor=owner, process=process, name="Vendors",
        rules=[{"field": "iban", "check": "complete", "critical": True}],
    )  # fmt: skip
    inventory.state_rule(
        actor=owner, process=process, kind="precedence",
        body={"first": "Route invoice", "second": "Pay invoice"},
    )  # fmt: skip
    table = tables.upload_table(
        actor=owner, source=source,
        upload=SimpleUploadedFile("vendors.csv", b"iban,name\nDE1,A\n,B\n"),
    )  # fmt: skip
    tables.check(table.pk)
    table.refresh_from_db()
    begin = now() - dt.timedelta(minutes=30 * 300) - dt.timedelta(days=2)
    log = read(operator, process, generate.generated(generate.Plan(cases=300, begin=begin))[0])
    failed = uploaded(operator, process, b"<log><trace>", "broken.xes")
    logs.read(failed.pk)
    failed.refresh_from_db()
    draft = uploaded(
        operator, process, as_csv(generate.generated(generate.Plan(cases=20, seed=9))[0])
    )
    answers = dict.fromkeys(questions.KEYS, 3)
    first = interviews.answer(actor=owner, process=process, answers=answers, remarks={})
    interviews.judge(actor=member, interview=first, right=True, reason="")
    waiting = interviews.answer(
        actor=owner, process=process, answers=answers, remarks={"rules_written": "In the wiki."}
    )
    half = log.first_at + (log.last_at - log.first_at) / 2
    earlier = measured(operator, process, log, until=half)
    assessment = measured(operator, process, log)
    process.refresh_from_db()
    return Things(process, log, draft, failed, table, source, system, waiting, assessment, earlier)
