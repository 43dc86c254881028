"""The bank's answers about ordered payments: ISO 20022 payment status reports (pain.002), which
name a payment by the reference that we gave it and say in a code and in words why it was refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from xml.etree.ElementTree import Element, ParseError  # noqa: S405 - no parser

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

LARGEST = 1024 * 1024
# ISO 20022, external status reason codes: those that a report is likely to name.
REASONS = {
    "AC01": "The account number is wrong.",
    "AC04": "The account is closed.",
    "AC06": "The account is blocked.",
    "AM05": "The same payment was ordered before.",
    "BE01": "The account is not in the name of the payee.",
    "MD07": "The payee has died.",
    "MS03": "The bank gives no reason.",
    "RR04": "The law forbids it.",
}


class UnreadableReport(ValueError):
    """The bytes are no payment status report; the sentence is for people."""


@dataclass(frozen=True)
class Refusal:
    """One payment that the bank did not carry out."""

    reference: str
    code: str
    words: str

    @property
    def sentence(self) -> str:
        said = REASONS.get(self.code, "")
        return " ".join(part for part in (said, self.words) if part) or "The bank refused it."


def refusals(content: bytes) -> list[Refusal]:
    """The refused payments of a report. Raises UnreadableReport."""
    if len(content) > LARGEST:
        raise UnreadableReport("The report is larger than 1 MB.")
    try:
        root = fromstring(content, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError) as error:
        raise UnreadableReport(f"The report is not well-formed XML: {error}") from error
    if local(root) != "Document" or not any(local(each) == "CstmrPmtStsRpt" for each in root):
        raise UnreadableReport("This is not a payment status report (pain.002).")
    found = []
    for part in root.iter():
        if local(part) == "TxInfAndSts" and text(part, "TxSts") == "RJCT":
            reference, code = text(part, "OrgnlEndToEndId"), text(part, "Cd")
            found.append(Refusal(reference[:35], code[:4], text(part, "AddtlInf")[:500]))
    return found


def local(element: Element) -> str:
    return str(element.tag).rpartition("}")[2]


def text(part: Element, name: str) -> str:
    for each in part.iter():
        if local(each) == name:
            return " ".join((each.text or "").split())
    return ""


def report(reference: str, code: str, words: str) -> bytes:
    """A report as a bank would write it, for the demonstration and tests."""
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pain.002.001.10"><CstmrPmtStsRpt>
<OrgnlPmtInfAndSts><TxInfAndSts><OrgnlEndToEndId>{reference}</OrgnlEndToEndId>
<TxSts>RJCT</TxSts><StsRsnInf><Rsn><Cd>{code}</Cd></Rsn><AddtlInf>{words}</AddtlInf></StsRsnInf>
</TxInfAndSts></OrgnlPmtInfAndSts></CstmrPmtStsRpt></Document>""".encode()
