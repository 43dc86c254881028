from __future__ import annotations

import datetime as dt

from apps.audit.frameworks import Framework, Row

OWASP_AGENTIC = Framework(
    slug="owasp-agentic",
    title="OWASP agentic top 10",
    edition="OWASP Top 10 for Agentic Applications 2026 (December 2025)",
    source="https://genai.owasp.org/resource/owasp-top-10-for-agentic-applications-for-2026/",
    read_on=dt.date(2026, 11, 25),
    applies=(
        "A list of risks, not of requirements: a row shows what the gate and the council did "
        "about it, not that the risk is gone. The names are OWASP's (CC BY-SA 4.0), the rest ours.",
    ),
    rows=(
        Row(
            "ASI01 Agent Goal Hijack",
            "Text from outside turns an agent to another goal.",
            ("action.denied", "action.review"),
            lacks="What an agent read is marked and rules judge it; its goal itself is not seen.",
        ),
        Row(
            "ASI02 Tool Misuse and Exploitation",
            "A tool is used for what it was not given for.",
            ("action.denied", "grant.*", "tool.*", "limit.changed"),
        ),
        Row(
            "ASI03 Identity and Privilege Abuse",
            "Identity or rights are borrowed or grow.",
            ("credential.*", "access.refused", "grant.*", "role.*"),
        ),
        Row(
            "ASI04 Agentic Supply Chain Vulnerabilities",
            "A tool or model is not what it was.",
            ("tool.registered", "tool.changed", "tool.suspended"),
            lacks="Tools are pinned to the letter; models and packages are not examined here.",
        ),
        Row(
            "ASI05 Unexpected Code Execution",
            "An agent runs code that nobody meant to run.",
            lacks="Agents act by registered tools only; there is no sandbox to report on.",
        ),
        Row(
            "ASI06 Memory and Context Poisoning",
            "What an agent remembers is spoilt.",
            ("action.review",),
            lacks="Text from outside is marked per session; agents' own memory is not seen.",
        ),
        Row(
            "ASI07 Insecure Inter-Agent Communication",
            "Messages between agents are forged.",
            ("credential.refused",),
            lacks="Agents reach each other through the gate only; other channels are not seen.",
        ),
        Row(
            "ASI08 Cascading Failures",
            "One failure brings down others.",
            ("circuit.opened", "step.dead", "run.stuck", "run.rolled_back"),
        ),
        Row(
            "ASI09 Human-Agent Trust Exploitation",
            "People trust an agent too readily.",
            ("approval.voted", "approval.rejected", "approval.vote_voided"),
            lacks="Speed and agreement of approvers are on the page of approvals.",
        ),
        Row(
            "ASI10 Rogue Agents",
            "An agent acts beyond what it is for.",
            ("agent.suspended", "measure.*", "action.denied", "agent.retired"),
        ),
    ),
)
