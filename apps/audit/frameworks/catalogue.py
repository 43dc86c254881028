"""The frameworks that the pages know, by slug."""

from __future__ import annotations

from apps.audit.frameworks import Framework
from apps.audit.frameworks.eu_ai_act import EU_AI_ACT
from apps.audit.frameworks.iso_42001 import ISO_42001
from apps.audit.frameworks.nist_ai_rmf import NIST_AI_RMF
from apps.audit.frameworks.owasp_agentic import OWASP_AGENTIC
from apps.audit.frameworks.soc_2 import SOC_2

FRAMEWORKS: dict[str, Framework] = {
    found.slug: found for found in (EU_AI_ACT, ISO_42001, NIST_AI_RMF, SOC_2, OWASP_AGENTIC)
}
