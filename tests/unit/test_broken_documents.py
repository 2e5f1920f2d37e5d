"""Broken and hostile documents: each is refused in one sentence that names it, or read as far as it can be, and none
holds the program up."""

from pathlib import Path

import pytest

from backends.conversion import Conversion
from backends.ingest import cut
from core.errors import DocumentError
from core.personal_data import contacts
from tests.broken import docx, pdfs, texts
from tests.broken.limits import check_sentence, only_long, within

KINDS = {
    ".pdf": pdfs.broken,
    ".docx": docx.broken,
    ".md": texts.plain,
    ".html": texts.pages,
    ".csv": texts.tables,
}
CASES = [(suffix, name) for suffix, made in KINDS.items() for name in made()]


@pytest.fixture(scope="module")
def conversion():
    with Conversion(seconds=20, memory=1 << 30) as opened:
        yield opened


@pytest.fixture(scope="module")
def corpus():
    return {suffix: made() for suffix, made in KINDS.items()}


def feed(conversion, name, content):
    """Converts and cuts a document; True when there was something to read."""
    try:
        document = conversion.convert(Path(name), content)
    except DocumentError as error:
        check_sentence(error, f"'{name}'")
        return False
    with within(10):
        for passage in cut(name, document, 700):
            assert document.text[passage.start : passage.start + len(passage.text)] == passage.text
            passage.text.encode()
        contacts(document.text)
    assert "root:x:" not in document.text, "a file of this machine is in it"
    return True


@pytest.mark.parametrize(("suffix", "case"), CASES, ids=[f"{suffix[1:]}: {case}" for suffix, case in CASES])
def test_a_broken_document_gets_a_sentence_or_is_read(conversion, corpus, suffix, case):
    feed(conversion, f"help{suffix}", corpus[suffix][case])


@pytest.mark.parametrize("case", pdfs.endless())
def test_a_document_that_is_read_for_ever_is_given_up_and_the_next_one_is_read(case):
    with Conversion(seconds=1) as conversion:
        with pytest.raises(DocumentError, match="'help.pdf' takes longer than 1 seconds") as caught:
            conversion.convert(Path("help.pdf"), pdfs.endless()[case])
        check_sentence(caught.value)
        conversion.seconds = 20
        assert conversion.convert(Path("good.pdf"), pdfs.pdf()).text == "Hello there"


def test_a_document_that_asks_for_too_much_memory_is_given_up_and_the_next_one_is_read():
    wide = b",".join([b"x"] * 100_000) + b"\n" + b"x\n" * 2000  # 200 million cells
    with Conversion(seconds=60, memory=700 << 20) as conversion:
        with pytest.raises(DocumentError, match="'wide.csv' cannot be read within 0.7 GB of memory") as caught:
            conversion.convert(Path("wide.csv"), wide)
        check_sentence(caught.value)
        assert conversion.convert(Path("good.pdf"), pdfs.pdf()).text == "Hello there"


def test_the_process_that_converts_ends_with_what_it_was_for():
    with Conversion() as conversion:
        assert conversion.convert(Path("good.pdf"), pdfs.pdf()).text == "Hello there"
        process = conversion._process
        assert process.is_alive()
    assert process.exitcode is not None


@only_long
@pytest.mark.parametrize(("suffix", "made"), [(".pdf", pdfs.large), (".docx", docx.large)])
def test_what_is_larger_than_it_looks_is_read_or_given_up(suffix, made):
    for name, content in made().items():
        with Conversion(seconds=30, memory=1 << 30) as conversion:
            print(f"{suffix} {name}: {len(content):,} bytes, read: {feed(conversion, f'help{suffix}', content)}")
