"""Makes the demonstration's own UBL documents: valid Peppol BIS 3, with a trouble if wanted."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal
from xml.sax.saxutils import escape

TROUBLES = (
    "wrong_total",
    "unknown_supplier",
    "duplicate",
    "over_limit",
    "changed_account",
    "missing_order",
    "hidden_instruction",
    "credit_note",
    "wrong_line",
    "like_a_supplier",
    "little_more",
    "same_number",
)
CENT = Decimal("0.01")
# The supplier whose account was changed six weeks ago by an e-mail that nobody called back about:
# older than the 30 days that the policies look at. It has one small order, still open.
MISLED, MISLED_DAYS, MISLED_ORDER = "V1018", 41, "PO-27001"


@dataclass(frozen=True)
class Wanted:
    """One invoice to be written; `net` in the currency's units."""

    number: str
    supplier: str
    vat_id: str
    country: str
    iban: str
    order: str
    item: str
    net: Decimal
    issued_on: dt.date
    note: str = ""
    wrong_total: bool = False
    wrong_line: bool = False
    credits: str = ""

    @property
    def root(self) -> str:
        """A document that credits another is a credit note."""
        return "CreditNote" if self.credits else "Invoice"


def party(name: str, vat_id: str, country: str, role: str) -> str:
    return f"""
  <cac:{role}><cac:Party>
    <cbc:EndpointID schemeID="0088">7300010000001</cbc:EndpointID>
    <cac:PartyName><cbc:Name>{escape(name)}</cbc:Name></cac:PartyName>
    <cac:PostalAddress><cbc:CityName>Town</cbc:CityName><cac:Country>
      <cbc:IdentificationCode>{country}</cbc:IdentificationCode></cac:Country></cac:PostalAddress>
    <cac:PartyTaxScheme><cbc:CompanyID>{vat_id}</cbc:CompanyID>
      <cac:TaxScheme><cbc:ID>VAT</cbc:ID></cac:TaxScheme></cac:PartyTaxScheme>
    <cac:PartyLegalEntity><cbc:RegistrationName>{escape(name)}</cbc:RegistrationName>
    </cac:PartyLegalEntity>
  </cac:Party></cac:{role}>"""


CATEGORY = (
    "<cbc:ID>S</cbc:ID><cbc:Percent>20</cbc:Percent>"
    "<cac:TaxScheme><cbc:ID>VAT</cbc:ID></cac:TaxScheme>"
)
SPACE = "urn:oasis:names:specification:ubl:schema:xsd:"
PROFILE = "urn:fdc:peppol.eu:2017:poacc:billing"


def typed(wanted: Wanted) -> tuple[str, str, str]:
    """The type code, the line with the due date, and what is credited."""
    due = wanted.issued_on + dt.timedelta(days=30)
    if not wanted.credits:
        line = f"  <cbc:DueDate>{due}</cbc:DueDate>\n"
        return "<cbc:InvoiceTypeCode>380</cbc:InvoiceTypeCode>", line, ""
    credited = (
        "\n  <cac:BillingReference><cac:InvoiceDocumentReference>"
        f"<cbc:ID>{escape(wanted.credits)}</cbc:ID>"
        "</cac:InvoiceDocumentReference></cac:BillingReference>"
    )
    return "<cbc:CreditNoteTypeCode>381</cbc:CreditNoteTypeCode>", "", credited


def invoice(wanted: Wanted) -> bytes:
    """The document as bytes."""
    net = wanted.net.quantize(CENT)
    vat = (net * 20 / 100).quantize(CENT)
    gross = net + vat
    stated = gross + 100 if wanted.wrong_total else gross
    note = f"\n  <cbc:Note>{escape(wanted.note)}</cbc:Note>" if wanted.note else ""
    root, counted = wanted.root, "CreditedQuantity" if wanted.credits else "InvoicedQuantity"
    price = net + 10 if wanted.wrong_line else net
    kind, due_line, credited = typed(wanted)
    text = f"""<?xml version="1.0" encoding="UTF-8"?>
<{root} xmlns="{SPACE}{root}-2" xmlns:cac="{SPACE}CommonAggregateComponents-2"
  xmlns:cbc="{SPACE}CommonBasicComponents-2">
  <cbc:CustomizationID>urn:cen.eu:en16931:2017#compliant#{PROFILE}:3.0</cbc:CustomizationID>
  <cbc:ProfileID>{PROFILE}:01:1.0</cbc:ProfileID>
  <cbc:ID>{escape(wanted.number)}</cbc:ID>
  <cbc:IssueDate>{wanted.issued_on}</cbc:IssueDate>
{due_line}  {kind}{note}
  <cbc:DocumentCurrencyCode>EUR</cbc:DocumentCurrencyCode>
  <cac:OrderReference><cbc:ID>{escape(wanted.order)}</cbc:ID></cac:OrderReference>{credited}
  {party(wanted.supplier, wanted.vat_id, wanted.country, "AccountingSupplierParty")}
  {party("Northgate Works", "PT500000000", "PT", "AccountingCustomerParty")}
  <cac:PaymentMeans><cbc:PaymentMeansCode>30</cbc:PaymentMeansCode>
    <cac:PayeeFinancialAccount><cbc:ID>{wanted.iban}</cbc:ID></cac:PayeeFinancialAccount>
  </cac:PaymentMeans>
  <cac:PaymentTerms><cbc:Note>Net 30 days</cbc:Note></cac:PaymentTerms>
  <cac:TaxTotal><cbc:TaxAmount currencyID="EUR">{vat}</cbc:TaxAmount>
    <cac:TaxSubtotal><cbc:TaxableAmount currencyID="EUR">{net}</cbc:TaxableAmount>
      <cbc:TaxAmount currencyID="EUR">{vat}</cbc:TaxAmount>
      <cac:TaxCategory>{CATEGORY}</cac:TaxCategory></cac:TaxSubtotal></cac:TaxTotal>
  <cac:LegalMonetaryTotal>
    <cbc:LineExtensionAmount currencyID="EUR">{net}</cbc:LineExtensionAmount>
    <cbc:TaxExclusiveAmount currencyID="EUR">{net}</cbc:TaxExclusiveAmount>
    <cbc:TaxInclusiveAmount currencyID="EUR">{stated}</cbc:TaxInclusiveAmount>
    <cbc:PayableAmount currencyID="EUR">{stated}</cbc:PayableAmount>
  </cac:LegalMonetaryTotal>
  <cac:{root}Line><cbc:ID>1</cbc:ID>
    <cbc:{counted} unitCode="C62">1</cbc:{counted}>
    <cbc:LineExtensionAmount currencyID="EUR">{net}</cbc:LineExtensionAmount>
    <cac:Item><cbc:Name>{escape(wanted.item)}</cbc:Name>
      <cac:ClassifiedTaxCategory>{CATEGORY}</cac:ClassifiedTaxCategory></cac:Item>
    <cac:Price><cbc:PriceAmount currencyID="EUR">{price}</cbc:PriceAmount></cac:Price>
  </cac:{root}Line>
</{root}>
"""
    return text.encode()
