"""Rules as sentences with slots: compiled to Cedar, and read back whenever the text allows.

A rule is read back only if compiling the sentence gives exactly the rule again, so that nothing is
lost in the builder. No database, no clock.
"""

from __future__ import annotations

from apps.policies.builder.attributes import Attribute, attributes_of
from apps.policies.builder.compiling import compiled
from apps.policies.builder.placing import placed, rule_named, without
from apps.policies.builder.reading import read_back
from apps.policies.builder.sentences import EFFECTS, OPERATORS, Condition, Sentence, Unfinished
from apps.policies.builder.templates import TEMPLATES

__all__ = [
    "EFFECTS",
    "OPERATORS",
    "TEMPLATES",
    "Attribute",
    "Condition",
    "Sentence",
    "Unfinished",
    "attributes_of",
    "compiled",
    "placed",
    "read_back",
    "rule_named",
    "without",
]
