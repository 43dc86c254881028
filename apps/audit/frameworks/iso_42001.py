from __future__ import annotations

import datetime as dt

from apps.audit.frameworks import Framework, Row

ISO_42001 = Framework(
    slug="iso-42001",
    title="ISO/IEC 42001",
    edition="ISO/IEC 42001:2023",
    source="https://www.iso.org/standard/42001",
    read_on=dt.date(2026, 11, 25),
    applies=(
        "Voluntary, and certifiable. The numbers of clauses and controls come from a public "
        "catalogue and were not checked against the text of the standard.",
        "A statement of applicability is the organisation's own; it is not kept here.",
    ),
    rows=(
        Row("5.2, A.2.2-A.2.4", "An AI policy, aligned and reviewed.", ("policy.*", "motion.*")),
        Row("5.3, A.3.2", "Roles and responsibilities are given.", ("role.*", "seat.*")),
        Row(
            "A.3.3",
            "Concerns can be reported.",
            ("incident.*", "motion.commented"),
            lacks="Objections to motions are on record; there is no line for staff at large.",
        ),
        Row("6.3", "Changes are planned.", ("motion.*", "policy.backtested", "policy.shadowed")),
        Row("7.2", "People are competent.", ("training.*",)),
        Row("7.5.3", "Documents are controlled.", ("policy.*",)),
        Row("8.4, A.5", "Impact assessments are made and kept.", ("assessment.*",)),
        Row("9.1", "Performance is monitored and measured.", ("monitoring.*",)),
        Row(
            "9.2.2",
            "A programme of internal audit.",
            ("audit.*", "review.*"),
            lacks="Audits are on record; the programme is planned elsewhere.",
        ),
        Row("9.3", "Management reviews the system.", ("sitting.*",)),
        Row("10.2", "Nonconformities are corrected.", ("incident.*",)),
        Row(
            "A.6.2.4",
            "Systems are verified and validated.",
            ("policy.case_saved", "policy.backtested"),
        ),
        Row(
            "A.6.2.5",
            "Deployment follows a plan.",
            ("agent.proposed", "agent.approved", "agent.activated"),
        ),
        Row("A.6.2.6", "Operation is monitored.", ("run.*", "step.*", "circuit.*")),
        Row("A.6.2.8", "Event logs are kept.", ("action.*", "approval.*")),
        Row(
            "A.7.5",
            "Where data comes from is recorded.",
            ("action.*",),
            lacks="Per action, as data used and the source of each fact; not for training data.",
        ),
        Row("A.8.3", "External parties can report.", ("incident.reported",)),
        Row("A.8.4", "Incidents are communicated.", ("incident.*",)),
        Row(
            "A.9.2-A.9.4",
            "Use is responsible, to its objectives and its intent.",
            ("policy.*", "action.denied"),
        ),
        Row(
            "A.10.2",
            "Responsibilities are shared out with third parties.",
            ("agent.registered", "credential.*"),
        ),
    ),
)
