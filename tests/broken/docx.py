"""DOCX files, and zip files at large, that are broken or hostile, made here."""

from __future__ import annotations

import io
import struct
import warnings
import zipfile
from collections.abc import Mapping

W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
M = 'xmlns:m="http://schemas.openxmlformats.org/officeDocument/2006/math"'
DRAWING = (
    'xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships" '
    'xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main" '
    'xmlns:wp="http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing"'
)
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
HELLO = "<w:p><w:r><w:t>Hello there</w:t></w:r></w:p>"
DOCUMENT = "word/document.xml"
SECRET = "root:"  # what /etc/passwd begins with


def zipped(files: Mapping[str, bytes | str], kind: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip file of these contents by name."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", kind) as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of names that are there twice
        for name, content in files.items():
            archive.writestr(name, content)
    return out.getvalue()


def document(body: str = HELLO, before: str = "", namespaces: str = "") -> str:
    return f'<?xml version="1.0"?>{before}<w:document {W} {namespaces}><w:body>{body}</w:body></w:document>'


def relationships(*entries: str) -> str:
    return (
        '<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
        f"{''.join(entries)}</Relationships>"
    )


def docx(body: str = HELLO, more: Mapping[str, bytes | str] | None = None, **parts: str) -> bytes:
    """A document of a paragraph, with its body replaced or files added."""
    types = (
        '<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
        '<Default Extension="xml" ContentType="application/xml"/></Types>'
    )
    office = f'<Relationship Id="rId1" Type="{OFFICE}/officeDocument" Target="{DOCUMENT}"/>'
    files = {"[Content_Types].xml": types, "_rels/.rels": relationships(office), DOCUMENT: document(body, **parts)}
    return zipped(files | dict(more or {}))


def laughs(depth: int = 9, times: int = 10) -> str:
    """Entities that grow to times ** depth copies."""
    entities = [f'<!ENTITY e{n} "{f"&e{n - 1};" * times}">' for n in range(1, depth + 1)]
    return f'<!DOCTYPE x [<!ENTITY e0 "lol">{"".join(entities)}]>'


def with_flag(content: bytes, flag: int) -> bytes:
    """A zip file whose entries all say `flag` of themselves, without being so."""
    out = bytearray(content)
    for sign, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        found = out.find(sign)
        while found >= 0:
            out[found + at : found + at + 2] = struct.pack("<H", flag)
            found = out.find(sign, found + 4)
    return bytes(out)


def overlapping(name: str, size: int, copies: int) -> bytes:
    """A zip file whose `copies` entries are all the same piece of the file: `size` bytes each once unpacked."""
    one = zipped({name: bytes(size)})
    start = one.index(b"PK\x01\x02")
    entry, rest = one[start : one.index(b"PK\x05\x06")], bytearray(one[one.index(b"PK\x05\x06") :])
    entries = b"".join(entry.replace(name.encode(), b"%0*d" % (len(name), n)) for n in range(copies - 1)) + entry
    struct.pack_into("<HHII", rest, 8, copies, copies, len(entries), start)
    return one[:start] + entries + bytes(rest)


IMAGE = (
    '<w:p><w:r><w:drawing><wp:inline><a:graphic><a:graphicData><pic:pic xmlns:pic="http://schemas.openxmlformats.org/'
    'drawingml/2006/picture"><pic:blipFill><a:blip r:link="rId9"/></pic:blipFill></pic:pic></a:graphicData></a:graphic>'
    "</wp:inline></w:drawing></w:r></w:p>"
)
ELSEWHERE = f'<Relationship Id="rId9" Type="{OFFICE}/image" Target="file:///etc/passwd" TargetMode="External"/>'
CIRCLE = (
    f'<?xml version="1.0"?><w:styles {W}><w:style w:type="paragraph" w:styleId="A"><w:basedOn w:val="B"/></w:style>'
    '<w:style w:type="paragraph" w:styleId="B"><w:basedOn w:val="A"/></w:style></w:styles>'
)
CELL = '<w:tbl><w:tr><w:tc><w:tcPr><w:gridSpan w:val="{span}"/></w:tcPr>{text}</w:tc></w:tr></w:tbl>'


def broken() -> dict[str, bytes]:
    """By what is wrong with them; each is refused, or read as far as it can be, within moments."""
    good = docx()
    outside = '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>'
    return {
        "empty zip": zipped({}),
        "signature alone": b"PK\x03\x04",
        "half of it": good[: len(good) // 2],
        "without its end": good[:-10],
        "without a document": zipped({"word/styles.xml": CIRCLE}),
        "plain text": b"Hello there",
        "old Word file": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600),
        "web page": b"<html><body>Hello</body></html>",
        "encrypted": with_flag(good, 1),
        "compression unknown": good.replace(
            struct.pack("<HH", 20, 0) + b"\x08\x00", struct.pack("<HH", 20, 0) + b"\x63\x00"
        ),
        "checksum is wrong": zipped({DOCUMENT: document()}, zipfile.ZIP_STORED).replace(b"Hello", b"HELLO"),
        "document is empty": docx(more={DOCUMENT: ""}),
        "document is no XML": docx(more={DOCUMENT: "<w:document><"}),
        "document is UTF-16": docx(more={DOCUMENT: document().encode("utf-16")}),
        "document is binary": docx(more={DOCUMENT: bytes(range(256))}),
        "document has another root": docx(more={DOCUMENT: "<x/>"}),
        "no paragraph": docx(""),
        "entities that multiply": docx("&e9;", before=laughs()),
        "entities that multiply in a relation": docx(
            more={"_rels/.rels": f'<?xml version="1.0"?>{laughs()}<x>&e9;</x>'}
        ),
        "entity in a circle": docx("&a;", before='<!DOCTYPE x [<!ENTITY a "&b;"><!ENTITY b "&a;">]>'),
        "entity of a file": docx("<w:p><w:r><w:t>&e;</w:t></w:r></w:p>", before=outside),
        "DTD elsewhere": docx(before='<!DOCTYPE x SYSTEM "http://127.0.0.1:1/x.dtd">'),
        "picture of a file": docx(
            IMAGE + HELLO, {"word/_rels/document.xml.rels": relationships(ELSEWHERE)}, namespaces=DRAWING
        ),
        "names that lead outside": docx(more={"../../../../tmp/evil.xml": "x", "/etc/evil": "x", "C:\\evil": "x"}),
        "document is outside": docx(
            more={"_rels/.rels": relationships(ELSEWHERE.replace("image", "officeDocument").replace("rId9", "rId1"))}
        ),
        "macro": docx(more={"word/vbaProject.bin": b"\xd0\xcf\x11\xe0" + bytes(100)}),
        "styles in a circle": docx(
            '<w:p><w:pPr><w:pStyle w:val="A"/></w:pPr></w:p>' + HELLO, {"word/styles.xml": CIRCLE}
        ),
        "deeply nested": docx("<w:sdt><w:sdtContent>" * 2000 + HELLO),
        "deeply nested tables": docx("<w:tbl><w:tr><w:tc>" * 500 + HELLO + "</w:tc></w:tr></w:tbl>" * 500),
        "cell over a billion columns": docx(CELL.format(span=10**9, text=HELLO)),
        "cell over a number of 5000 digits": docx(CELL.format(span="9" * 5000, text=HELLO)),
        "formula deeply nested": docx("<m:oMath>" + "<m:r>" * 5000 + "</m:r>" * 5000 + "</m:oMath>", namespaces=M),
        "struck out twice": docx("<w:p><w:r><w:rPr><w:dstrike/></w:rPr><w:t>&#0;</w:t></w:r></w:p>"),
        "five thousand entries": docx(more={f"word/{n}.xml": "" for n in range(5000)}),
    }


def large() -> dict[str, bytes]:
    """What takes more memory or time than it looks; slow to make."""
    return {
        "a gigabyte of spaces": docx(" " * (1 << 30)),
        "a gigabyte beside the document": docx(more={"word/media/x.bin": bytes(1 << 30)}),
        "a thousand entries of a gigabyte": overlapping("word/aaa.xml", 1 << 30, 1000),
        "a million paragraphs": docx(HELLO * 1_000_000),
        "sixty thousand entries": docx(more={f"word/{n}.xml": "" for n in range(60_000)}),
        "a million levels": docx("<w:p>" * 1_000_000),
        "a hundred thousand formulas": docx("<m:oMath><m:r/></m:oMath>" * 100_000, namespaces=M),
    }
