from __future__ import annotations

import datetime as dt

from apps.audit.frameworks import Framework, Row

NIST_AI_RMF = Framework(
    slug="nist-ai-rmf",
    title="NIST AI RMF",
    edition="AI Risk Management Framework 1.0 (NIST AI 100-1), January 2023",
    source="https://doi.org/10.6028/NIST.AI.100-1",
    read_on=dt.date(2026, 11, 25),
    applies=("Voluntary. Subcategories are those that a governance record can speak to.",),
    rows=(
        Row(
            "GOVERN 1.4", "Risk management follows transparent policies.", ("policy.*", "motion.*")
        ),
        Row("GOVERN 1.5", "It is monitored and reviewed, with roles.", ("sitting.*", "review.*")),
        Row("GOVERN 1.6", "AI systems are inventoried.", ("agent.*",), page="registry:agents"),
        Row("GOVERN 1.7", "Systems are decommissioned safely.", ("agent.retired",)),
        Row("GOVERN 2.1", "Roles and lines of communication are documented.", ("role.*", "seat.*")),
        Row("GOVERN 2.2", "Personnel are trained.", ("training.*",)),
        Row(
            "GOVERN 2.3",
            "Leadership takes responsibility for decisions.",
            ("motion.voted", "motion.tallied"),
        ),
        Row(
            "GOVERN 3.2",
            "Roles of people in oversight are defined.",
            ("queue.*", "queue_right.*", "checkpoint.*"),
        ),
        Row(
            "GOVERN 4.3",
            "Testing and sharing of incidents are in place.",
            ("policy.case_saved", "incident.*"),
        ),
        Row(
            "MAP 3.5", "Human oversight is defined and documented.", ("checkpoint.*", "approval.*")
        ),
        Row(
            "MEASURE 2.4",
            "Systems are monitored in production.",
            ("run.*", "monitoring.*"),
            lacks="Events of runs are on record; dashboards are no events.",
        ),
        Row(
            "MEASURE 2.8",
            "Risks to transparency and accountability are examined.",
            ("action.*", "audit.*"),
        ),
        Row("MEASURE 3.1", "Risks are tracked over time.", ("incident.*",)),
        Row("MEASURE 3.3", "Feedback from users is taken in.", ("incident.reported",)),
        Row("MANAGE 1.3", "Responses to high risks are planned.", ("measure.*", "incident.*")),
        Row(
            "MANAGE 2.3",
            "There is a response to risks not known before.",
            ("incident.*", "measure.*"),
        ),
        Row(
            "MANAGE 2.4",
            "Systems can be superseded, disengaged, deactivated.",
            ("agent.suspended", "agent.retired", "tool.suspended", "policy.suspended"),
        ),
        Row(
            "MANAGE 4.1",
            "Plans for monitoring after deployment are carried out.",
            ("monitoring.*",),
        ),
        Row("MANAGE 4.3", "Incidents are told, tracked and answered.", ("incident.*",)),
    ),
)
