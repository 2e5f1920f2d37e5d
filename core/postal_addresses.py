"""Postal addresses in plain text, as they are written in the Netherlands, Germany, Belgium, Britain and America.

Patterns, and careful ones: what may also be a product, a measure or an instruction ('Drive 3', 'Platz 4', '2500 XL')
counts only with a postcode behind it. Towns alone, postcodes alone and houses without a number are not found.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

GAP = r"(?:\s*[,;\n]\s*|\s+)"
NAME = r"[A-ZÀ-ÖØ-Þ][\w'’-]*"
PARTICLE = r"(?:van|de|der|den|des|dem|het|'t|ten|ter|op|aan|von|am|im|la|le|les|du|do|da)"
TOWN = rf"[^\W\d_][\w'’-]+(?:\s(?:(?:aan|am|an|den|der|de|op|upon|bei|im|sur|le|la)\s){{0,2}}{NAME}){{0,2}}"

# A count or a measure is no house number.
UNIT = (
    r"(?i:k?m|[cm]m|k?g|w|wh|k?v|ah|nm|uur|uhr|keer|mal|x|euros?|eur|usd|gbp|cent|procent|prozent|percent|dag(?:en)?|"
    r"tagen?|minu(?:ten|tes)|stunden?|weken|wochen?|maanden|monaten?|jaar|jahren?|stuks?|stücke?|years?|days?|weeks?|"
    r"months?|hours?|times?|pieces?|miles?|met(?:re|er)s?|kilomet(?:er|re)s?|watt|volt)\b"
)
COUNTED = rf"(?!\s*(?:[€$£%×°]|{UNIT}|(?:of|or|oder|en|und|and|bis|tot|to)\s\d{{1,2}}\b)|[.,:/]?\d)"
HOUSE = (
    r"\d{1,4}(?:\s?[a-zA-Z](?![\w'’]))?(?:\s?[-/]\s?(?:\d{1,4}|[A-Za-z]{1,4}))?(?:\s(?:huis|hs))?(?!\w)"
    r"(?:,?\s(?:bus|bo[iî]te|bte\.?)\s\w{1,4}\b)?"
)

# Postcode and town.
COUNTED_TOWN = rf"(?!{UNIT}|(?i:jan|feb|m[aä]r|maart|apr|ma[iy]|jun|jul|aug|sep|o[ck]t|nov|de[cz]))"
WORD = (  # 'February 15, 2023 at' holds no postcode
    r"(?!(?:a[mlnst]|b[eiy]|d[aeou]|e[nrs]|g[ao]|[hmwj]e|[ckmp]m|i[fknst]|ja|kg|my|n[ao]|o[fmnpr]|so|t[eo]|u[mpsw])\b)"
)
DUTCH = rf"\d{{4}}\s?(?:[A-Z]{{2}}|{WORD}[a-z]{{2}})(?![\w-])(?:,?\s{TOWN})?"
GERMAN = rf"(?:[DF]-)?\d{{5}}\s{COUNTED_TOWN}{TOWN}"
BELGIAN = rf"(?:(?:B|CH|A)-)?\d{{4}}\s{COUNTED_TOWN}{TOWN}"
BRITISH = r"(?i:[A-Z]{1,2}\d[A-Z\d]?\s?\d[ABD-HJLNP-UW-Z]{2})(?!\w)"
AMERICAN = (
    r"(?i:A[KLRZ]|C[AOT]|D[CE]|FL|GA|HI|I[ADLN]|K[SY]|LA|M[ADEINOST]|N[CDEHJMVY]|O[HKR]|PA|RI|S[CD]|T[NX]|UT|V[AT]|"
    r"W[AIVY])\s\d{5}(?:-\d{4})?(?!\w)"
)
TOWN_FIRST = rf"(?:{GAP}[^\W\d_][\w'’-]+(?:\s[^\W\d_][\w'’-]+){{0,2}}){{0,2}}{GAP}(?:{BRITISH}|{AMERICAN})"

# Streets before their number: words that end like a street, those that do only as a name, and those that begin so.
LABEL = r"(?!(?i:\w*adress?e?|\w*anschrift|address)\b)"
FRONT = rf"(?<![\w'’-])(?:(?!\A)(?<!\n)(?<![.!?]\s){LABEL}{NAME}\.?\s(?:(?:{NAME}|{PARTICLE})\s){{0,2}})?"
SURELY = r"[\w'’-]+(?:straat|stra(?:ß|ss)e|str\.|gracht|steeg|gasse|dreef|steenweg|laan|allee)|Str(?:a(?:ß|ss)e|\.)"
AS_A_NAME = r"[A-ZÀ-Þ]\w{3,}(?:weg|plein|kade|dijk|platz|ufer|damm|markt)"
NO_NAME = r"(?!(?i:onder|fiets|rad|heim|arbeits|schul|park|stell|steh|sitz)(?:weg|platz)\b)"
KIND_FIRST = (
    r"(?:Rue|Avenue|Boulevard|Chaussée|Place\sd(?:es?|u)|Quai|Rua|(?:Laan|Plein|Kade|Steenweg)\s(?:van|op|naar))"
    rf"(?:\s(?:{PARTICLE}\s){{0,2}}{NAME}){{1,3}}"
)
STREET = rf"(?:{FRONT}(?:{SURELY}|{NO_NAME}{AS_A_NAME})|(?<!\w){KIND_FIRST})"
ANY_STREET = rf"(?:{FRONT}{LABEL}[^\W\d_][\w'’.-]{{1,60}}|{KIND_FIRST})"

# Streets behind their number.
ROAD = r"(?i:Street|St|Road|Rd|Avenue|Ave|Boulevard|Blvd|Crescent|Terrace|Gardens|Parkway|Highway)\b\.?"
PERHAPS_ROAD = (
    r"(?i:Lane|Ln|Drive|Dr|Close|Court|Ct|Way|Place|Pl|Square|Sq|Park|Row|Hill|Mews|Walk|Grove|Green|Rise|View|Circle|"
    r"Trail|Quay|Wharf|Yard|Vale)\b\.?"
)
FLAT = r"(?i:flat|apt\.?|apartment|unit|suite|ste\.?|room|floor)\s\w{1,5}"
NUMBER = rf"(?:{FLAT}{GAP})?(?<![\w.,:/-])\d{{1,5}}[A-Za-z]?\s"
POINT = rf"(?:,?\s(?:[NSEW]|N\.?[EW]|S\.?[EW])\b\.?)?(?:{GAP}{FLAT}\b)?"

PATTERNS = [
    re.compile(pattern)
    for pattern in (
        rf"{ANY_STREET}\s{HOUSE}{GAP}(?:{DUTCH}|{GERMAN})",  # Singel 250, 1016 AB Amsterdam
        rf"{STREET}\s?{HOUSE}{GAP}{BELGIAN}",  # Kerkstraat 12 bus 3, 9000 Gent
        rf"{STREET}\s?{HOUSE}{COUNTED}",  # Parallelweg 31
        rf"{NUMBER}{KIND_FIRST}(?:{GAP}(?:{GERMAN}|{BELGIAN}))?",  # 8 Rue des Lilas, 75011 Paris
        rf"{NUMBER}(?:[\w'’]+\.?\s){{1,4}}(?:{ROAD}|{PERHAPS_ROAD}){POINT}{TOWN_FIRST}",  # 4 Church Lane, Leeds LS6 3JB
        rf"{NUMBER}(?:(?:\d+(?:st|nd|rd|th)|{NAME}\.?)\s){{1,4}}{ROAD}{POINT}",  # 9 Acacia Avenue
        r"(?i:P\.?O\.?\s?Box|Postbus|Postfach)\s\d(?:\s?\d){0,7}(?!\d)"  # PO Box 44, Kendal LA9 4QH
        rf"(?:{GAP}(?:{DUTCH}|{GERMAN}|{BELGIAN})|{TOWN_FIRST})?",
        # The Dutch postcode and house number are enough for a letter, but look like the name of a product.
        r"(?i:postcode|huisnum)[^.?!\d]{1,30}(?P<address>\d{4}\s?[A-Z]{2},?\s(?:nr\.?\s)?\d{1,4}[a-z]?)(?!\w)",
    )
]


def addresses(text: str) -> Iterator[tuple[int, int]]:
    """Start and end of each postal address, none within another, in no order."""
    if not any(map(str.isdigit, text)):
        return
    taken: list[tuple[int, int]] = []
    found = (match.span(match.lastgroup or 0) for pattern in PATTERNS for match in pattern.finditer(text))
    for start, end in sorted(found, key=lambda span: span[0] - span[1]):  # the longest first
        if not any(start < other_end and other_start < end for other_start, other_end in taken):
            taken.append((start, end))
            yield start, end
