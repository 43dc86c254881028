from __future__ import annotations

import datetime as dt

from apps.audit.frameworks import Framework, Row

EU_AI_ACT = Framework(
    slug="eu-ai-act",
    title="EU AI Act",
    edition="Regulation (EU) 2024/1689, numbering of the Official Journal",
    source="https://eur-lex.europa.eu/eli/reg/2024/1689/oj",
    read_on=dt.date(2026, 11, 25),
    applies=(
        "Chapter IX (Articles 72, 73, 86) has the general date of 2 August 2026.",
        "Chapter III, Sections 1 to 3 (Articles 12, 14, 19, 26): 2 December 2027 and 2 August 2028 "
        "after Regulation (EU) 2026/1744 of 8 July 2026 (OJ 24 July 2026). From secondary sources; "
        "to be checked against EUR-Lex.",
        "Article 73 speaks of high-risk systems while the rules that classify them are postponed: "
        "how far it bites before December 2027 is a question for counsel.",
        "Which of these obligations apply to the organisation is not decided here.",
    ),
    rows=(
        Row(
            "12(1)",
            "Events are recorded automatically over the lifetime of the system.",
            ("action.*", "run.*", "agent.*"),
        ),
        Row(
            "12(2)(a)",
            "Events that matter for risk or are a substantial modification.",
            ("agent.*", "tool.*", "policy.activated", "policy.superseded", "grant.*"),
            lacks="Whether a change is substantial is not decided and recorded by a person.",
        ),
        Row(
            "12(2)(b)",
            "Events for monitoring after the system is on the market.",
            ("monitoring.*", "drift.*", "signal.*"),
        ),
        Row(
            "12(2)(c)",
            "Events for the deployer's monitoring of operation.",
            ("run.*", "step.*", "circuit.*", "limit.*"),
        ),
        Row(
            "12(3)",
            "For remote biometrics: period of use, data referred to, who verified.",
            ("action.*", "approval.voted"),
            lacks="The fields exist for every action; there is no biometric use here.",
        ),
        Row(
            "13(3)(d), (f)",
            "Oversight measures, and how logs are collected, stored and read.",
            page="audit:dictionary",
        ),
        Row(
            "14(4)(a)-(d)",
            "People understand, notice over-reliance, interpret, and may decide not to use it.",
            ("approval.voted", "approval.rejected", "approval.returned"),
            lacks="Over-reliance is measured on the page of approvals, not as an event.",
        ),
        Row(
            "14(4)(e)",
            "People can stop the system.",
            ("agent.suspended", "run.paused", "run.cancelled", "measure.*", "tool.suspended"),
        ),
        Row("14(5)", "Two competent persons verify (biometrics).", ("approval.approved",)),
        Row("18(1)", "Documentation is kept for ten years.", ("retention.*",)),
        Row(
            "19(1), 26(6)",
            "Logs are kept for an appropriate period of at least six months.",
            ("retention.*",),
            page="audit:events",
            lacks="The oldest event on record is shown; the period is set by the organisation.",
        ),
        Row(
            "20",
            "Corrective action, and information of those concerned.",
            ("incident.*", "policy.activated", "agent.suspended", "run.rolled_back"),
        ),
        Row(
            "21(2)",
            "Authorities get access to the logs on a reasoned request.",
            ("audit.exported", "role.granted"),
        ),
        Row("26(1)", "The system is used as its instructions say.", ("policy.*", "action.denied")),
        Row(
            "26(2)",
            "Oversight is given to competent, trained people with authority.",
            ("queue_right.*", "role.*", "delegation.*", "seat.*"),
            lacks="Dates of training are not kept here.",
        ),
        Row("26(4)", "Input data is relevant and representative.", ("readiness.*",)),
        Row(
            "26(5)",
            "Operation is monitored, and use is suspended where there is a risk.",
            ("agent.suspended", "circuit.opened", "measure.*", "incident.*"),
        ),
        Row("26(7)", "Workers are told.", ("notice.*",)),
        Row("26(11)", "Persons affected are told.", ("notice.*",)),
        Row("27", "Assessment of the impact on fundamental rights.", ("assessment.*",)),
        Row("72", "A plan for monitoring after the system is on the market.", ("monitoring.*",)),
        Row("73", "Serious incidents are reported within their terms.", ("incident.*",)),
        Row(
            "86",
            "Explanation of the role of the system in a decision.",
            ("action.*",),
            lacks="The why page explains each action; a letter to the person is not made here.",
        ),
        Row("99(4)", "Fines for breaches of the duties above.", lacks="Not a matter of record."),
    ),
)
