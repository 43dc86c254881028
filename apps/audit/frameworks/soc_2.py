from __future__ import annotations

import datetime as dt

from apps.audit.frameworks import Framework, Row

SOC_2 = Framework(
    slug="soc-2",
    title="SOC 2",
    edition="AICPA Trust Services Criteria 2017, points of focus revised 2022",
    source="https://www.aicpa-cima.com/resources/download/2017-trust-services-criteria-with-revised-points-of-focus-2022",
    read_on=dt.date(2026, 11, 25),
    applies=(
        "An attestation by an auditor over a period. The auditor draws a sample from a complete "
        "population: a pack of evidence holds both, with the proof of completeness.",
    ),
    rows=(
        Row("CC1.3", "Structures, reporting lines and authorities are set.", ("role.*", "seat.*")),
        Row("CC2.1", "Information for control is relevant and of quality.", ("action.*",)),
        Row("CC4.1", "Controls are evaluated.", ("review.*", "audit.*", "policy.backtested")),
        Row("CC4.2", "Deficiencies are told and followed.", ("incident.*",)),
        Row("CC5.1", "Control activities reduce risk.", ("policy.activated", "checkpoint.*")),
        Row("CC6.1", "Logical access is restricted.", ("credential.*", "grant.*", "access.*")),
        Row(
            "CC6.2",
            "Access is registered and authorised before it is given, and removed.",
            ("grant.*", "role.*", "credential.*"),
        ),
        Row(
            "CC6.3",
            "Least privilege and segregation of duties.",
            ("grant.*", "role.*", "queue_right.*", "approval.refused", "review.*"),
        ),
        Row("CC7.2", "Anomalies are watched for.", ("circuit.opened", "action.denied", "signal.*")),
        Row("CC7.3", "Events are evaluated.", ("incident.*",)),
        Row("CC7.4", "Incidents are answered.", ("incident.*", "measure.*", "agent.suspended")),
        Row(
            "CC7.5",
            "Recovery from incidents.",
            ("run.rolled_back", "action.undone", "agent.resumed"),
        ),
        Row(
            "CC8.1",
            "Changes are authorised, tested and approved.",
            ("motion.tallied", "policy.backtested", "policy.activated", "tool.changed"),
        ),
        Row(
            "PI1",
            "Processing is complete, valid, accurate, timely and authorised.",
            ("action.*", "run.*", "step.*"),
        ),
    ),
)
