"""The code lists of EN 16931 (rules BR-CL-…): what stands for a currency, a country, a category.

Source: the standard's public code lists, in the state of autumn 2026. No database, no clock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from apps.pilots.invoices.ubl import Document, Node

Check = Callable[[Document], Iterable[str]]

# ISO 4217, with the codes that were withdrawn lately: a credit note may name an old currency.
CURRENCIES = frozenset(
    """
    AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BOV BRL BSD BTN
    BWP BYN BZD CAD CDF CHE CHF CHW CLF CLP CNY COP COU CRC CUC CUP CVE CZK DJF DKK DOP DZD EGP
    ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HRK HTG HUF IDR ILS INR IQD IRR
    ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD
    MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR
    PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SLL SOS SRD SSP STN SVC SYP SZL
    THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD USN UYI UYU UYW UZS VED VES VND VUV WST XAD
    XAF XAG XAU XBA XBB XBC XBD XCD XCG XDR XOF XPD XPF XPT XSU XTS XUA XXX YER ZAR ZMW ZWG ZWL
    """.split()  # noqa: SIM905 - a list that is read and compared by people
)
# ISO 3166-1 alpha-2, with Kosovo and Northern Ireland as the standard writes them.
COUNTRIES = frozenset(
    """
    AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR
    BS BT BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ
    EC EE EG EH ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW
    GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY
    KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV
    MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY
    QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG
    TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM
    ZW 1A XI
    """.split()  # noqa: SIM905
)
CATEGORIES = frozenset({"AE", "L", "M", "E", "S", "Z", "G", "O", "K", "B"})
TAX_POINTS = frozenset({"3", "35", "432"})
MIME_TYPES = frozenset(
    {
        "application/pdf",
        "image/png",
        "image/jpeg",
        "text/csv",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "application/vnd.oasis.opendocument.spreadsheet",
    }
)
# ISO 6523: a running number with a few gaps.
ITEM_SCHEMES = frozenset(
    f"{number:04d}" for number in range(2, 249) if number not in (92, 103, 181, 182)
)


def listed(nodes: Iterable[Node], codes: frozenset[str], what: str) -> list[str]:
    """A sentence for each code that is not on the list."""
    return [
        f"{node.text() or 'Nothing'} is no {what}." for node in nodes if node.text() not in codes
    ]


def of_element(name: str, codes: frozenset[str], what: str) -> Check:
    return lambda document: listed(document.root.walk(name), codes, what)


def at(path: str, codes: frozenset[str], what: str) -> Check:
    return lambda document: listed(document.root.all(path), codes, what)


def below(owner: str, path: str, codes: frozenset[str], what: str) -> Check:
    """The code at the path of every element of that name, wherever it stands."""

    def check(document: Document) -> list[str]:
        nodes = [node for found in document.root.walk(owner) for node in found.all(path)]
        return listed(nodes, codes, what)

    return check


def amount_currencies(document: Document) -> list[str]:
    return [
        f"The {node.spoken} is in {node.attribute('', 'currencyID')}, which is no currency."
        for node in document.root.walk()
        if node.attribute("", "currencyID") not in ("", *CURRENCIES)
    ]


def item_schemes(document: Document) -> list[str]:
    found = []
    for index, line in enumerate(document.lines, 1):
        for node in line.all("Item/StandardItemIdentification/ID"):
            scheme = node.attribute("", "schemeID")
            if scheme and scheme not in ITEM_SCHEMES:
                found.append(f"Line {index}: {scheme} is no scheme of item numbers (ISO 6523).")
    return found


def item_categories(document: Document) -> list[str]:
    return [
        f"Line {index}: {sentence}"
        for index, line in enumerate(document.lines, 1)
        for sentence in listed(
            line.all("Item/ClassifiedTaxCategory/ID"), CATEGORIES, "VAT category"
        )
    ]


def attachments(document: Document) -> list[str]:
    codes = [
        node.attribute("", "mimeCode")
        for node in document.root.walk("EmbeddedDocumentBinaryObject")
    ]
    return [
        f"An attachment is of the kind {code or 'unknown'}, which is not accepted."
        for code in codes
        if code not in MIME_TYPES
    ]


tax_point = below("InvoicePeriod", "DescriptionCode", TAX_POINTS, "code for the tax point")
RULES: dict[str, Check] = {
    "BR-CL-03": amount_currencies,
    "BR-CL-04": at("DocumentCurrencyCode", CURRENCIES, "currency"),
    "BR-CL-05": at("TaxCurrencyCode", CURRENCIES, "currency for VAT"),
    "BR-CL-06": tax_point,
    "BR-CL-14": below("Country", "IdentificationCode", COUNTRIES, "country"),
    "BR-CL-15": below("OriginCountry", "IdentificationCode", COUNTRIES, "country of origin"),
    "BR-CL-17": below("TaxCategory", "ID", CATEGORIES, "VAT category"),
    "BR-CL-18": item_categories,
    "BR-CL-21": item_schemes,
    "BR-CL-24": attachments,
}
