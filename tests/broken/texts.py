"""Text files, HTML pages and tables that are broken or hostile, made here."""

from __future__ import annotations

import codecs
import gzip
import json

HELLO = "Hello there"
BOM = codecs.BOM_UTF8


def plain() -> dict[str, bytes]:
    """Texts and Markdown."""
    return {
        "nothing": b"",
        "spaces": b" \n\t " * 100,
        "byte order mark alone": BOM,
        "half a UTF-16 letter": codecs.BOM_UTF16_LE + b"H\0e",
        "half a surrogate in UTF-16": codecs.BOM_UTF16_LE + b"\x00\xd8H\x00",
        "UTF-32": HELLO.encode("utf-32"),
        "UTF-16 without a mark": HELLO.encode("utf-16-le"),
        "Shift JIS": "こんにちは、自転車".encode("shift-jis"),
        "no encoding has it": b"Hello \x81\x8d\x8f\x90\x9d there",
        "half a surrogate in UTF-8": b"Hello \xed\xa0\x80 there",
        "NUL": b"Hello\0there",
        "a picture": b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 9,
        "control characters": bytes(set(range(1, 32)) - {10}) + b"Hello",
        "line ends of all kinds": b"# A\r\rOne\n\r\nTwo\x0bThree\x0cFour\xc2\x85Five\xe2\x80\xa8Six",
        "hundred thousand letters in a line": b"x" * 100_000,
        "hundred thousand spaces in a line": b"a" + b" " * 100_000 + b"b",
        "hundred thousand spaces in a heading": b"# a" + b" " * 100_000 + b"b",
        "many signs in a heading": b"# " + b"# " * 50_000 + b"b",
        "twenty thousand headings": b"".join(b"# Part %d\n" % n for n in range(20_000)),
        "fence that is never closed": b"```\n" * 9999 + b"# Part\nHello",
        "many stops": b". " * 50_000,
        "letters without words": "".join(map(chr, range(0x300, 0x370))).encode() * 2000,
    }


def pages() -> dict[str, bytes]:
    """HTML."""
    inner = b"<p>Hello there</p>"
    return {
        "no element": b"Hello there",
        "elements that never close": b"<div>" * 5000 + inner,
        "lists in each other": b"<ul><li>" * 900 + inner,
        "tables in each other": b"<table><tr><td>" * 300 + inner,
        "quotes in each other": b"<blockquote>" * 900 + inner,
        "encoding unknown": b'<meta charset="no-such-thing">' + inner,
        "encoding is no text": b'<meta charset="base64">\xff\xfe\xfd' + inner,
        "encoding is a lie": b'<meta charset="utf-16">\xe9' + inner,
        "UTF-7": b'<meta charset="utf-7">+ADw-script+AD4-' + inner,
        "half a surrogate": b"<p>&#xD800; Hello &#55296;</p>",
        "letter beyond Unicode": b"<p>&#99999999999; Hello &#x110000;</p>",
        "letter of 5000 digits": b"<p>&#" + b"9" * 5000 + b"; Hello</p>",
        "NUL": inner + b"\0",
        "comment that never closes": inner + b"<!-- " * 5000,
        "declarations": b"<![if x]><!ELEMENT a><![CDATA[x]]><?php x ?><!doctype" + inner,
        "signs": inner + b"<" * 20_000,
        "ends": b"</p>" * 20_000 + inner,
        "attributes": b"<p " + b"a=b " * 50_000 + b">Hello</p>",
        "attribute that never closes": b"<p a='" + b"x" * 100_000 + inner,
        "script alone": b"<script>document.write('x')</script>",
        "script that never closes": b"<script>" + inner,
        "cell over a billion columns": b"<table><tr><td colspan=1000000000 rowspan=1000000000>Hello</td></tr></table>",
        "cell over a number of 5000 digits": b"<table><tr><td colspan=%s>Hello</td></tr></table>" % (b"9" * 5000),
        "list from a number of 5000 digits": b"<ol start=%s><li>Hello</ol>" % (b"9" * 5000),
        "heading of level a million": b"<h1000000>Hello</h1000000><h0>x</h0>",
        "title of a hundred thousand letters": b"<title>%s</title><p>Hello" % (b"x" * 100_000),
        "address of a script": b'<a href="javascript:alert(1)">Hello</a><img src="file:///etc/passwd">',
    }


def tables() -> dict[str, bytes]:
    """CSV."""
    head = b"question,answer\n"
    return {
        "nothing": b"",
        "byte order mark alone": BOM,
        "header alone": head,
        "line ends alone": b"\n" * 1000,
        "separators alone": b",,,,\n" * 100,
        "NUL": head + b"Where\0?,Here\n",
        "UTF-16": (head.decode() + "Où?,Là\n").encode("utf-16"),
        "UTF-16 without a mark": (head.decode() + "Où?,Là\n").encode("utf-16-le"),
        "half a UTF-16 letter": codecs.BOM_UTF16_LE + b"q\0u",
        "Latin-1": (head.decode() + "Où?,Là\n").encode("latin-1"),
        "no encoding has it": head + b"\x81\x8d?,\x8f\n",
        "quote that never closes": head + b'"Where?,Here\n' * 500,
        "quotes within": head + b'a"b"c,"d""e"\n"x"y,z\n',
        "field of 200,000 letters": head + b"Where?," + b"x" * 100_000 + b"\n",
        "twenty thousand columns": b",".join(b"c%d" % n for n in range(20_000)) + b"\nx\n",
        "more cells than columns": head + b"Where?,Here,and,there,too\n",
        "columns of one name": b"question,question,answer,answer\na,b,c,d\n",
        "columns without a name": b",,\na,b,c\n",
        "line ends of all kinds": b"question,answer\rWhere?,Here\r\nWhen?,Now\n\rWho?,We",
        "formulas": head + b'=cmd|\'/C calc\'!A0,"=HYPERLINK(""http://x"")"\n@SUM(1),+1-1\n',
        "byte order mark within": head + BOM + b"Where?,Here\n",
        "lines without columns": head + b"Where?\n\n\nWhen?\n",
        "other separators": b"question\x1fanswer\x1eWhere?\x1fHere\x1e",
        "JSON": b'[{"question": "Where?", "answer": "Here"}]',
        "picture": b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 9,
    }


def lines() -> dict[str, bytes]:
    """JSON Lines, of transcripts and of test questions."""

    def line(**fields: object) -> bytes:
        return json.dumps(fields).encode() + b"\n"

    good = line(question="Where?", answer="Here")
    deep = b"[" * 100_000
    return {
        "nothing": b"",
        "cut off": good[:-5],
        "cut off in the middle": good + good[:12] + b"\n" + good,
        "no object": b"42\nnull\n[]\n",
        "text": b"Hello there\n",
        "deeply nested": b'{"question": ' + deep,
        "deeply nested and whole": b'{"question": %s%s}\n' % (b"[" * 50_000, b"]" * 50_000),
        "deeply nested in text": line(question="Where?", answer="Here", facts=deep.decode(), history=deep.decode()),
        "array deeply nested": deep,
        "number of 5000 digits": b'{"question": %s, "answer": "Here"}\n' % (b"9" * 5000),
        "no number": b'{"question": NaN, "answer": Infinity}\n',
        "name twice": b'{"question": "a", "question": "b", "answer": "c"}\n',
        "half a surrogate": b'{"question": "\\ud800 Where?", "answer": "\\udfff"}\n',
        "NUL": b'{"question": "\\u0000", "answer": "\\u0000a"}\n',
        "no UTF-8": b'{"question": "\xff\xfe", "answer": "\x81"}\n',
        "UTF-16": good.decode().encode("utf-16"),
        "values of other kinds": line(question=["Where?"], answer={"a": 1}) + line(question=4.5, answer=True),
        "nothing in it": line(question=None, answer=None) + line(question="", answer=""),
        "no known field": line(a=1, b=2),
        "twenty thousand fields": line(**{f"c{n}": n for n in range(20_000)}),
        "turns of other kinds": line(messages=[1, None, {"role": 5}, [["a"]], {"role": "user", "content": {}}]),
        "turns by nobody": line(messages=[{"role": "ghost", "content": "Boo"}]),
        "history of other kinds": line(question="Where?", answer="Here", history=[{"role": "user", "content": 5}]),
        "history is a number": line(question="Where?", answer="Here", history=42, facts=42),
        "history of text": line(question="Where?", answer="Here", history="{", facts="[[["),
        "facts of other kinds": line(question="Where?", answer="Here", facts=[[None], [["a"]], {}, 5]),
        "field of 200,000 letters": line(question="x" * 100_000, answer="y" * 100_000),
        "ids of other kinds": line(id=["a"], question="a", answer="b") + line(id={"a": 1}, question="a", answer="b"),
        "fields of one name in other letters": line(Question="a", question="b", ANSWER="c"),
    }


def packed() -> dict[str, bytes]:
    """Gzipped, by a name that ends in .gz."""
    good = gzip.compress(b'{"question": "Where?", "answer": "Here"}\n', mtime=0)
    return {
        "half of it": good[: len(good) // 2],
        "broken within": good[:15] + b"\xff\xff\xff" + good[18:],
        "checksum is wrong": good[:-8] + b"\0" * 8,
        "not packed": b'{"question": "Where?", "answer": "Here"}\n',
        "signature alone": b"\x1f\x8b",
        "21 MB of spaces": gzip.compress(b" " * (21 * 10**6), 1, mtime=0),
        "21 MB of lines": gzip.compress(b"{}\n" * (7 * 10**6), 1, mtime=0),
    }
