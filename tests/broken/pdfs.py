"""PDF files that are broken or hostile, made here."""

from __future__ import annotations

import zlib
from collections.abc import Mapping

HELLO = b"BT /F1 24 Tf 72 700 Td (Hello there) Tj ET"
FONT = b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"
CATALOG = b"<< /Type /Catalog /Pages 2 0 R >>"
PAGES = b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>"
PAGE = (
    b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> "
    b"/XObject << /X 6 0 R >> >> >>"
)


def stream(content: bytes, extra: bytes = b"", length: bytes = b"") -> bytes:
    return b"<< /Length %s %s >>\nstream\n%s\nendstream" % (length or b"%d" % len(content), extra, content)


def flate(content: bytes, times: int = 1) -> bytes:
    """A stream that is to be unpacked `times` times."""
    for _ in range(times):
        content = zlib.compress(content, 9)
    return stream(content, b"/Filter [%s]" % (b"/FlateDecode " * times))


def pdf(objects: Mapping[int, bytes] | None = None, trailer: bytes = b"", tail: bytes = b"") -> bytes:
    """A page that says hello, with some of its objects replaced or added; `trailer` goes into the trailer."""
    known = {1: CATALOG, 2: PAGES, 3: PAGE, 4: stream(HELLO), 5: FONT} | dict(objects or {})
    out, places = b"%PDF-1.4\n", {}
    for number, content in known.items():
        places[number] = len(out)
        out += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    start, size = len(out), max(known) + 1
    rows = [b"%010d 00000 n \n" % places[n] if n in places else b"0000000000 65535 f \n" for n in range(size)]
    out += b"xref\n0 %d\n%s" % (size, b"".join(rows))
    return out + b"trailer\n<< /Size %d /Root 1 0 R %s >>\n%s" % (
        size,
        trailer,
        tail or b"startxref\n%d\n%%%%EOF" % start,
    )


def font_with(cmap: bytes) -> dict[int, bytes]:
    """Objects of a font whose ToUnicode map is `cmap`."""
    font = b"<< /Type /Font /Subtype /Type0 /Encoding /Identity-H /DescendantFonts [7 0 R] /ToUnicode 8 0 R >>"
    return {5: font, 7: b"<< /Type /Font /Subtype /CIDFontType2 /BaseFont /X /FontDescriptor 9 0 R >>", 8: stream(cmap)}


ENCRYPTED = b"/Encrypt << /Filter /Standard /V 1 /R 2 /P -4 /O <%s> /U <%s> >> /ID [<00> <00>]" % (
    b"41" * 32,
    b"42" * 32,
)
FORM = b"/Type /XObject /Subtype /Form /BBox [0 0 9 9] /Resources << /XObject << /X 6 0 R >> >>"
RANGE = b"1 begincodespacerange <0000> <FFFF> endcodespacerange 1 beginbfrange <00000000> <7FFFFFFF> <0041> endbfrange"
OBJECT_STREAM = b"/Type /ObjStm /N 1000000000 /First 10"
PREDICTOR = b"/Filter /FlateDecode /DecodeParms << /Predictor 12 /Columns 1000000000 /Colors 4 /BitsPerComponent 16 >>"
XREF_STREAM = b"/Type /XRef /W [1 8 8] /Index [0 1000000000] /Size 1000000000 /Root 1 0 R"


def broken() -> dict[str, bytes]:
    """By what is wrong with them; each is refused, or read as far as it can be, within moments."""
    good = pdf()
    return {
        "header alone": b"%PDF-1.4\n",
        "a third of it": good[: len(good) // 3],
        "two thirds of it": good[: 2 * len(good) // 3],
        "without its end": good[:-30],
        "without a header": good[9:],
        "web page": b"<html><body>Hello</body></html>",
        "zip": b"PK\x03\x04" + bytes(40),
        "zeros": bytes(5000),
        "encrypted": pdf(trailer=ENCRYPTED),
        "encrypted by something unknown": pdf(trailer=b"/Encrypt << /Filter /Other /V 9 >>"),
        "page tree in a circle": pdf({2: b"<< /Type /Pages /Kids [2 0 R 2 0 R] /Count 2 >>"}),
        "page is its own parent": pdf({3: PAGE.replace(b"2 0 R", b"3 0 R")}),
        "count of pages is a lie": pdf({2: PAGES.replace(b"/Count 1", b"/Count 2147483647")}),
        "page many times": pdf({2: b"<< /Type /Pages /Kids [%s] /Count 300 >>" % (b"3 0 R " * 300)}),
        "no pages": pdf({2: b"<< /Type /Pages /Kids [] /Count 0 >>"}),
        "pages are a number": pdf({2: b"42"}),
        "no catalog": pdf({1: b"null"}),
        "no text": pdf({4: stream(b"0 0 m 100 100 l S")}),
        "no content": pdf({3: b"<< /Type /Page /Parent 2 0 R >>"}),
        "size of page is nonsense": pdf({3: PAGE.replace(b"[0 0 612 792]", b"[(a) /b null true]")}),
        "size of page is endless": pdf({3: PAGE.replace(b"612 792", b"1e308 -1e308")}),
        "nested arrays": pdf({4: stream(b"[" * 10_000 + HELLO)}),
        "nested objects": pdf({7: b"[" * 10_000}),
        "nested dictionaries": pdf({3: b"<< /A " * 5_000}),
        "length refers to itself": pdf({4: stream(HELLO, length=b"4 0 R")}),
        "length is negative": pdf({4: stream(HELLO, length=b"-5")}),
        "length is a lie": pdf({4: stream(HELLO, length=b"999999999")}),
        "content refers to itself": pdf({3: PAGE.replace(b"/Contents 4 0 R", b"/Contents [3 0 R 4 0 R]")}),
        "form draws itself": pdf({4: stream(b"/X Do " + HELLO), 6: stream(b"/X Do /X Do", FORM)}),
        "states pushed without end": pdf({4: stream(b"q " * 5_000 + HELLO)}),
        "image without an end": pdf({4: stream(b"BI /W 1 ID " + b"x" * 10_000)}),
        "numbers beyond measure": pdf({4: stream(b"BT /F1 1e999 Tf 1e308 1e308 Td (Hello) Tj ET")}),
        "number of a million digits": pdf({4: stream(b"9" * 1_000_000 + b" " + HELLO)}),
        "font in a circle": pdf({5: b"<< /Type /Font /Subtype /Type0 /DescendantFonts [5 0 R] /Encoding 5 0 R >>"}),
        "cross references in a circle": pdf(trailer=b"/Prev 0 /XRefStm 0"),
        "cross references elsewhere": pdf(tail=b"startxref\n99999999999\n%%EOF"),
        "cross references nowhere": pdf(tail=b"startxref\n-5\n%%EOF"),
        "cross references a billion": b"%PDF-1.4\nxref\n0 1000000000\ntrailer\n<< /Root 1 0 R >>\nstartxref\n9\n%%EOF",
        "object stream of a billion": pdf({7: stream(b"1 0 2 0 ", OBJECT_STREAM)}),
        "not compressed at all": pdf({4: stream(HELLO, b"/Filter /FlateDecode")}),
        "compression unknown": pdf({4: stream(HELLO, b"/Filter /NoSuch")}),
        "predictor of a billion columns": pdf({4: stream(zlib.compress(HELLO), PREDICTOR)}),
    }


def endless() -> dict[str, bytes]:
    """What the parser walks through for ever."""
    cross_references = b"%%PDF-1.5\n1 0 obj\n%s\nendobj\nstartxref\n9\n%%%%EOF" % stream(b"x", XREF_STREAM)
    return {"object refers to itself": pdf({4: b"4 0 R"}), "a billion cross references": cross_references}


def large() -> dict[str, bytes]:
    """What takes more memory or time than it looks; slow to make."""
    pages = dict.fromkeys(range(10, 20_010), PAGE)
    kids = b" ".join(b"%d 0 R" % number for number in pages)
    return {
        "a gigabyte of operators": pdf({4: flate(b"q Q " * (1 << 28))}),
        "a gigabyte of text": pdf({4: flate(HELLO * (1 << 25))}),
        "packed twice": pdf({4: flate(bytes(1 << 30), 2)}),
        "map of two billion signs": pdf(font_with(RANGE)),
        "twenty thousand pages": pdf({2: b"<< /Type /Pages /Kids [%s] /Count 20000 >>" % kids, **pages}),
        "a million arrays in each other": pdf({4: stream(b"[" * 1_000_000 + HELLO)}),
        "a million states": pdf({4: stream(b"q " * 1_000_000 + HELLO)}),
        "a million dictionaries in each other": pdf({3: b"<< /A " * 1_000_000}),
    }
