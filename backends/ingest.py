"""Documents -> passages: finds the files, converts them to text and cuts the text, first by headings, then by length.

A passage is a slice of the converted text: `text[p.start : p.start + len(p.text)] == p.text`. Its title says
where it stands ("Article title: Section"), so the heading line itself is not part of it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from core.errors import DocumentError
from core.types import Passage

CONVERTERS = {  # file name extension -> class in markitdown.converters
    ".md": "PlainTextConverter",
    ".markdown": "PlainTextConverter",
    ".txt": "PlainTextConverter",
    ".html": "HtmlConverter",
    ".htm": "HtmlConverter",
    ".csv": "CsvConverter",
    ".pdf": "PdfConverter",
    ".docx": "DocxConverter",
}
BINARY = (".pdf", ".docx")
EXTENSIONS = tuple(CONVERTERS)
MAX_BYTES = 50_000_000
OVERLAP = 80  # characters that neighbouring passages of a long section share
MAX_TITLE = 200

HEADING = re.compile(r" {0,3}(#{1,6})[ \t]+")
FENCE = re.compile(r" {0,3}(```|~~~)")


@dataclass(frozen=True)
class SourceFile:
    """A file to index: `source` identifies its document, `root` is the folder it was found in (empty: given alone)."""

    path: Path
    source: str
    root: str = ""


@dataclass(frozen=True)
class Document:
    """A converted file: `text` is Markdown, `title` its first heading."""

    title: str
    text: str


def find_files(paths: Iterable[Path]) -> list[SourceFile]:
    """The files at these paths, each once: files as given, folders walked for the known extensions, hidden ones not."""
    found: dict[Path, SourceFile] = {}
    for path in paths:
        root = path.resolve()
        if not root.is_dir():
            found.setdefault(root, SourceFile(path, _utf8(path.name)))
            continue
        for file in sorted(root.rglob("*")):
            inner = file.relative_to(root)
            hidden = any(part.startswith(".") for part in inner.parts)
            if file.is_file() and file.suffix.lower() in EXTENSIONS and not hidden:
                found.setdefault(file.resolve(), SourceFile(file, _utf8(inner.as_posix()), _utf8(str(root))))
    return list(found.values())


def read_bytes(path: Path) -> bytes:
    """The file's content. Raises DocumentError when there is none, too much, or it is of an unknown kind."""
    try:
        if path.suffix.lower() not in EXTENSIONS:
            kind = f"is a '{path.suffix}' file" if path.suffix else "has no file name extension"
            raise DocumentError(f"'{path.name}' {kind}; documents are {', '.join(EXTENSIONS)}.")
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise DocumentError(
                f"'{path.name}' has {size / 1e6:,.1f} MB, but at most {MAX_BYTES // 1_000_000} MB are read; split it."
            )
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise DocumentError(f"There is no file '{path}'; check the path.") from error
    except OSError as error:
        raise DocumentError(f"'{path.name}' cannot be read: {error.strerror}.") from error
    if not content.strip():
        raise DocumentError(f"'{path.name}' is empty; nothing of it was indexed.")
    return content


def is_plain(path: Path) -> bool:
    """Whether a document is text already, which no parser has to make sense of."""
    return CONVERTERS.get(path.suffix.lower()) == "PlainTextConverter"


def convert(path: Path, content: bytes) -> Document:
    """The text of a document. Raises DocumentError for a broken file or one without text, MemoryError where memory is
    limited."""
    import io

    from markitdown import StreamInfo, converters

    suffix = path.suffix.lower()
    if suffix not in BINARY and b"\0" in content and not content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise DocumentError(f"'{path.name}' is not a text file, whatever its name says; nothing of it was indexed.")
    info = StreamInfo(extension=suffix, charset=None if suffix in BINARY else _charset(path, content))
    converter = getattr(converters, CONVERTERS[suffix])()
    try:
        result = converter.convert(io.BytesIO(content), info)
    except MemoryError:
        raise
    except Exception as error:  # the parsers behind raise dozens of unrelated types
        raise DocumentError(
            f"'{path.name}' cannot be read as {suffix[1:].upper()}: it is broken, protected by a password or of "
            "another kind than its name says; open it, save it anew and index it again."
        ) from error
    if len(result.markdown) > MAX_BYTES:
        raise DocumentError(
            f"'{path.name}' holds {len(result.markdown) / 1e6:,.0f} million characters, but at most "
            f"{MAX_BYTES // 1_000_000} million are read; split it."
        )
    text = _tidy(result.markdown)
    if not text:
        scan = " (a scan holds pictures of text; run text recognition on it first)" if suffix == ".pdf" else ""
        raise DocumentError(f"'{path.name}' holds no text{scan}; nothing of it was indexed.")
    return Document(_first_heading(text) or (result.title or "").strip() or _name_as_title(path), text)


def cut(source: str, document: Document, chunk_chars: int) -> list[Passage]:
    """The passages of a document, in order: one per section, more for one longer than `chunk_chars` characters."""
    from langchain_text_splitters import RecursiveCharacterTextSplitter

    splitter = RecursiveCharacterTextSplitter(
        # "end": a sentence keeps its full stop
        separators=["\n\n", "\n", ". ", " ", ""],
        keep_separator="end",
        chunk_size=chunk_chars,
        chunk_overlap=min(OVERLAP, chunk_chars // 4),
        add_start_index=True,
    )
    passages = []
    for headings, start, end in _sections(document.text):
        sections = [name for _, name in headings if name != document.title]
        title = ": ".join([document.title, *sections])[:MAX_TITLE]
        for chunk in splitter.create_documents([document.text[start:end]]):
            offset = start + chunk.metadata["start_index"]
            identity = _digest(f"{source}\0{offset}\0{title}\0{chunk.page_content}")
            passages.append(Passage(identity, source, title, chunk.page_content, start=offset))
    return passages


def content_hash(content: bytes, chunk_chars: int) -> str:
    """Changes with whatever would change the passages of a file: its bytes, and how they are cut."""
    return _digest(f"{chunk_chars}\0{OVERLAP}\0{hashlib.sha256(content).hexdigest()}")


def _sections(text: str) -> Iterator[tuple[list[tuple[int, str]], int, int]]:
    """For each section: its headings as (level, text) from the outermost in, and its body's start and end."""
    headings: list[tuple[int, str]] = []
    start = position = 0
    in_code = False
    for line in text.splitlines(keepends=True):
        in_code ^= bool(FENCE.match(line))
        heading = None if in_code else HEADING.match(line)
        if heading:
            yield headings, start, position
            level, name = len(heading[1]), line[heading.end() :].rstrip(" \t\n").rstrip("#")
            headings = [outer for outer in headings if outer[0] < level] + [(level, _plain(name))]
            start = position + len(line)
        position += len(line)
    yield headings, start, position


def _first_heading(text: str) -> str:
    """The first heading of level 1; empty when there is none."""
    names = (name for headings, _, _ in _sections(text) for level, name in headings if level == 1)
    return next(names, "")


def _charset(path: Path, content: bytes) -> str | None:
    """The encoding of a text, decided here because guessing from few letters goes wrong; None: the file says it.

    Raises DocumentError when it is none of those known here.
    """
    says_it = path.suffix.lower() in (".html", ".htm")
    utf16 = content.startswith((b"\xff\xfe", b"\xfe\xff"))
    for encoding in ("utf-16",) if utf16 else ("utf-8-sig",) if says_it else ("utf-8-sig", "cp1252"):
        try:
            content.decode(encoding)
            return encoding
        except UnicodeDecodeError:
            continue
    if says_it:
        return None
    raise DocumentError(f"'{path.name}' is in an encoding that is not known here; save it as UTF-8 and index it again.")


def _tidy(text: str) -> str:
    """Without trailing spaces, characters that are not text, and runs of blank lines."""
    # Not by a regular expression for spaces at a line's end, which takes for ever over a million spaces within one.
    text = "\n".join(line.rstrip() for line in re.sub(r"\r\n?", "\n", text).split("\n"))
    text = re.sub(r"[\0\ud800-\udfff]", "", text)
    return re.sub(r"\n{3,}", "\n\n", text).strip()


def _plain(heading: str) -> str:
    return heading.replace("**", "").replace("`", "").strip()


def _name_as_title(path: Path) -> str:
    return _utf8(path.stem.replace("-", " ").replace("_", " "))


def _utf8(name: str) -> str:
    """A file name as text; bytes that are not UTF-8 become question marks."""
    return name.encode("utf-8", "replace").decode()


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
