"""What someone who feeds documents in relies on: everything readable is found, cut well, and can be traced back."""

import itertools
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backends import ingest
from backends.ingest import Document, convert, cut, find_files, read_bytes
from core.errors import DocumentError

DOCUMENTS = Path(__file__).resolve().parents[1] / "fixtures" / "documents"
ARTICLES = Path(__file__).resolve().parents[2] / "knowledge" / "articles"


def passages_of(path: Path, chunk_chars: int = 700):
    document = convert(path, read_bytes(path))
    return document, cut(path.name, document, chunk_chars)


@pytest.mark.parametrize(
    ("name", "title", "says"),
    [
        ("opening-hours.md", "Opening hours: Weekdays", "stays open until 20:30"),
        ("returns.html", "Returning goods: Deadline", "the label costs €4.50"),
        ("guarantee.docx", "Guarantee: Frame", "runs for 7 years"),
        ("delivery.pdf", "delivery", "within 3 working days"),
        ("spare-parts.csv", "spare parts", "| Chain guard | CG-118 | €31.00 |"),
    ],
)
def test_every_known_format_becomes_titled_passages(name, title, says):
    document, passages = passages_of(DOCUMENTS / name)
    assert [p.title for p in passages if says in p.text] == [title]
    assert all(document.text[p.start : p.start + len(p.text)] == p.text for p in passages)


def test_scripts_and_heading_lines_are_no_part_of_a_passage():
    _, passages = passages_of(DOCUMENTS / "returns.html")
    assert not any("never shown" in p.text or "#" in p.text for p in passages)


@pytest.mark.parametrize("article", sorted(ARTICLES.glob("*.md")), ids=lambda path: path.stem)
def test_each_section_of_the_help_centre_is_one_passage(article):
    _, passages = passages_of(article)
    sections = [line[3:] for line in article.read_text(encoding="utf-8").splitlines() if line.startswith("## ")]
    title = article.read_text(encoding="utf-8").splitlines()[0].removeprefix("# ")
    assert [p.title for p in passages] == [f"{title}: {section}" for section in sections]


def test_a_long_section_is_cut_with_overlap_and_nothing_of_it_is_lost():
    text = "# Long\n\n## Part\n" + " ".join(f"Sentence {n} says so." for n in range(300))
    passages = cut("long.md", Document("Long", text), 700)
    assert {p.title for p in passages} == {"Long: Part"}
    assert all(len(p.text) <= 700 for p in passages)
    assert all(after.start < before.start + len(before.text) for before, after in itertools.pairwise(passages))
    assert passages[-1].start + len(passages[-1].text) == len(text)


def test_a_heading_inside_code_is_code():
    text = "# Manual\n\n## Setup\n```\n# a comment\n```\nDone."
    assert [p.title for p in cut("m.md", Document("Manual", text), 700)] == ["Manual: Setup"]


@settings(max_examples=150, deadline=None)
@given(st.text("ab .\n#`é€\t\u2028", max_size=400), st.integers(20, 120))
def test_a_passage_is_always_a_slice_of_its_document(text, chunk_chars):
    for passage in cut("x", Document("X", text), chunk_chars):
        assert passage.text.strip()
        assert text[passage.start : passage.start + len(passage.text)] == passage.text


def test_passages_of_the_same_content_have_the_same_identity_and_others_have_another():
    first, again, other = (
        cut("x.md", Document("X", text), 700)
        for text in ("## A\nOne.\n## B\nOne.", "## A\nOne.\n## B\nOne.", "## A\nTwo.")
    )
    assert [p.id for p in first] == [p.id for p in again]
    assert len({p.id for p in [*first, *other]}) == 3


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_text_files_of_other_encodings_keep_their_signs(tmp_path, encoding):
    path = tmp_path / "prices.txt"
    path.write_bytes("The café charges €4.50 for crème brûlée, and naïve guests pay the same price.".encode(encoding))
    document, _ = passages_of(path)
    assert document.text.startswith("The café charges")
    assert document.title == "prices"


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.txt", b" \n ", "'a.txt' is empty"),
        ("a.pdf", b"%PDF-1.4\nthis is not one\n", "'a.pdf' cannot be read as PDF"),
        ("a.docx", b"PK\x03\x04 broken", "'a.docx' cannot be read as DOCX"),
        ("a.txt", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "'a.txt' is not a text file"),
        ("a.html", b"<html><body><script>x</script></body></html>", "'a.html' holds no text"),
        ("a.exe", b"MZ", r"'a.exe' is a '.exe' file; documents are .md"),
        ("a", b"text", "has no file name extension"),
    ],
)
def test_an_unusable_file_is_refused_in_one_sentence_that_names_it(tmp_path, name, content, says):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(DocumentError, match=says) as caught:
        passages_of(path)
    assert "\n" not in str(caught.value)


def test_a_huge_file_is_refused_before_it_is_read(tmp_path):
    path = tmp_path / "huge.txt"
    with path.open("wb") as file:
        file.truncate(ingest.MAX_BYTES + 1)
    with pytest.raises(DocumentError, match="at most 50 MB"):
        read_bytes(path)


def test_a_folder_is_walked_for_known_kinds_and_hidden_files_stay_hidden(tmp_path):
    for name in ("b.md", "sub/a.MD", "sub/c.py", ".hidden.md", ".git/d.md"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("text")
    found = find_files([tmp_path, tmp_path / "b.md", tmp_path / "sub" / "c.py"])
    assert [file.source for file in found] == ["b.md", "sub/a.MD", "c.py"]
    assert [bool(file.root) for file in found] == [True, True, False]
