"""What holds for any input whatever: only our own errors come out, what is written can be read again, nothing is lost
on the way. DUODESK_TEST_LONG=50 tries 50 times as many inputs."""

import csv
import io
import json
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from app.api.source import _marked
from app.transcript_html import details, table
from backends.adapter_folder import AdapterFolder
from backends.conversion import Conversion
from backends.ingest import convert, cut
from backends.template_format import MAX_DEPTH, parse_template
from backends.templates import TemplateLibrary
from core.errors import AdapterError, DocumentError, InvalidTemplate, QuestionsError
from core.export import to_csv, to_jsonl
from core.personal_data import find, redact
from core.studies import TestQuestion
from core.types import Answer, Chat, Exchange, Passage, Question, Thumb, Turn
from finetune.data.reading import read_rounds
from study.grading.grade import evidence_for, grade
from study.questions import read_questions
from tests.broken import adapters, docx, pdfs, templates
from tests.broken.limits import LONG, check_sentence, within

pytestmark = pytest.mark.filterwarnings("ignore")
TEXT = st.text(st.characters(codec="utf-8"), max_size=60)  # as a database gives it back
WORDS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=60)
FORMULAS = st.tuples(st.sampled_from(["=", "+", "-", "@", "\t", "'", "'=", "''-", "＝", " =", "\n="]), WORDS).map(
    "".join
)
SAID = WORDS | FORMULAS
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


def some(examples):
    """So many examples, more in the long version. Each test leaves nothing in its folder that the next example sees."""
    quiet = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large]
    return settings(max_examples=examples * LONG, deadline=None, suppress_health_check=quiet)


@st.composite
def damaged(draw, good):
    """Some bytes changed, cut out, doubled or put in."""
    content = bytearray(good)
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, max(0, len(content) - 1)))
        match draw(st.sampled_from(["change", "cut", "double", "put", "end"])):
            case "change" if content:
                content[at] = draw(st.integers(0, 255))
            case "cut":
                del content[at : at + draw(st.integers(1, 40))]
            case "double":
                content[at:at] = content[at : at + draw(st.integers(1, 200))]
            case "put":
                content[at:at] = draw(st.binary(max_size=8) | st.sampled_from([b"9" * 20, b"<" * 9, b"\0\0", b"-1"]))
            case "end":
                del content[at:]
    return bytes(content)


# ---- documents


@pytest.fixture(scope="module")
def conversion():
    with Conversion(seconds=5, memory=1 << 30) as opened:
        yield opened


def read_document(conversion, name, content):
    try:
        document = conversion.convert(Path(name), content)
    except DocumentError as error:
        check_sentence(error, name)
        return
    for passage in cut(name, document, 200):
        assert document.text[passage.start : passage.start + len(passage.text)] == passage.text


@some(25)
@given(content=damaged(pdfs.pdf()))
def test_any_damage_to_a_pdf_gives_a_document_or_a_sentence(conversion, content):
    read_document(conversion, "x.pdf", content)


@some(40)
@given(
    content=damaged(docx.docx())
    | damaged(docx.document().encode()).map(lambda xml: docx.docx(more={docx.DOCUMENT: xml}))
)
def test_any_damage_to_a_docx_gives_a_document_or_a_sentence(conversion, content):
    read_document(conversion, "x.docx", content)


TAGS = (
    "<p>,</p>,<table>,<tr>,<td colspan=-5>,<ul>,<li>,<ol start=x>,<h1>,<a href=x>,<img src=x>,<br>,<!--,<![,<?,&#,&amp"
)
HTML = st.lists(
    st.sampled_from([*TAGS.split(","), "<script>", "</", "<pre>", "<meta charset=x>", "\0", "é", "x "]),
    max_size=30,
).map("".join)


@some(30)
@given(name=st.sampled_from(["x.html", "x.csv", "x.md"]), content=st.binary(max_size=300) | HTML.map(str.encode))
def test_any_bytes_give_a_document_or_a_sentence(conversion, name, content):
    read_document(conversion, name, content)


@some(30)
@given(text=st.text(st.sampled_from("#` \n\r\tab\u2028*-"), max_size=300))
def test_reading_a_text_that_was_read_changes_nothing_more(text):
    try:
        once = convert(Path("x.md"), text.encode())
    except DocumentError:
        return
    assert convert(Path("x.md"), once.text.encode()) == once


# ---- templates


@some(40)
@given(text=damaged(templates.GOOD.encode()).map(lambda content: content.decode("latin-1")) | TEXT)
def test_any_text_gives_a_template_or_a_sentence(text):
    try:
        template = parse_template("calm", text, 1)
    except InvalidTemplate as error:
        check_sentence(error, "calm")
        return
    assert parse_template("calm", template.yaml, 1) == template


@some(40)
@given(
    raw=st.fixed_dictionaries({"name": st.just("calm"), "messages": JSON}, optional={"depth": JSON, "decoding": JSON})
)
def test_any_values_give_a_template_or_a_sentence(raw):
    try:
        parse_template("calm", yaml.safe_dump(raw), 1)
    except InvalidTemplate as error:
        check_sentence(error, "calm")


PLAIN = TEXT.map(lambda text: text.replace("{", "{{").replace("}", "}}"))


@some(30)
@given(system=PLAIN, depth=st.integers(0, MAX_DEPTH), question=WORDS, passage=WORDS, company=WORDS)
def test_a_template_says_what_was_written_and_values_are_only_text(system, depth, question, passage, company):
    assume(system.strip())
    raw = {
        "name": "calm",
        "depth": depth,
        "messages": [{"system": system}, {"user": "{company}\n\n{context}\n\n{question}"}],
    }
    template = parse_template("calm", yaml.safe_dump(raw, allow_unicode=True), 1)
    assert (template.depth, template.messages[0]) == (depth, Turn("system", system.strip()))
    library = TemplateLibrary(Path("/nowhere"), Path("/nowhere"))
    passages = [Passage("1", "a.md", "{question}", passage)]
    rendered = library.render(template, question, [], passages, company)[-1].text
    assert rendered == f"{company}\n\n[1] {{question}}\n{passage}\n\n{question}"


# ---- adapters


@some(30)
@given(
    content=damaged(adapters.adapter())
    | damaged(adapters.GOOD).map(adapters.adapter)
    | st.dictionaries(st.sampled_from([*adapters.PLAIN, "alpha_pattern", "init_lora_weights"]), JSON).map(
        lambda changes: adapters.adapter(**changes)
    )
    | JSON.map(lambda header: adapters.adapter(adapters.safetensors({}, json.dumps(header).encode())))
)
def test_any_damage_to_an_adapter_gives_an_adapter_or_a_sentence(tmp_path, content):
    folder = AdapterFolder(tmp_path / "adapters")
    (tmp_path / "new.zip").write_bytes(content)
    try:
        with within(10):
            folder.import_(tmp_path / "new.zip", "new")
        folder.delete("new")
    except AdapterError as error:
        check_sentence(error)
    assert list(folder.folder.iterdir()) == []


# ---- test questions and exports


@some(30)
@given(
    rows=st.lists(
        st.dictionaries(st.sampled_from(["question", "answer", "facts", "history", "id", "split", "topic"]), JSON),
        max_size=4,
    )
)
def test_any_json_gives_questions_or_a_sentence(tmp_path, rows):
    file = tmp_path / "x.jsonl"
    file.write_text("\n".join(map(json.dumps, rows)))
    try:
        found = read_questions(file)
    except QuestionsError as error:
        check_sentence(error, "x.jsonl")
        return
    assert all(isinstance(one.question, str) and one.question for one in found)


def exchange(question, answer, comment=""):
    chat = Chat("c1", "ann")
    asked = Question("q1", "c1", question)
    said = Answer("a1", "q1", text=answer, outcome="complete", reason="stop")
    return Exchange(chat, asked, (said,), (Thumb("a1", "ann", 1, comment),))


@some(40)
@given(question=SAID, answer=SAID, comment=SAID)
@pytest.mark.parametrize(("name", "write"), [("x.csv", to_csv), ("x.jsonl", to_jsonl)])
def test_what_is_exported_comes_back_as_it_was_said(tmp_path, name, write, question, answer, comment):
    assume(question.strip() and answer.strip())
    file = tmp_path / name
    file.write_text("".join(write([exchange(question, answer, comment)])), encoding="utf-8", newline="")
    (found,), _ = read_rounds([file], None)
    assert (found.question, found.answer) == (question.strip(), answer.strip())


@some(40)
@given(texts=st.lists(SAID, min_size=3, max_size=3))
def test_no_cell_of_an_export_is_a_formula(texts):
    rows = list(csv.reader(io.StringIO("".join(to_csv([exchange(*texts)])), newline="")))
    assert len(rows) == 2 and len(rows[0]) == len(rows[1])
    assert not [cell for cell in rows[1] if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]


# ---- personal data, grading, pages


@some(40)
@given(
    text=st.lists(
        st.sampled_from(["ann@x.org", "+31 50 555 0142", "8.8.8.8", " ", "[", "4111 1111 1111 1111", "a1"])
    ).map(" ".join)
)
def test_what_was_redacted_holds_nothing_more_to_redact(text):
    once, _ = redact(text)
    assert redact(once) == (once, {}), find(once)


@some(30)
@given(
    answer=TEXT,
    reference=TEXT,
    facts=st.none() | st.lists(st.lists(TEXT.filter(str.strip), min_size=1).map(tuple)).map(tuple),
)
def test_any_answer_gets_a_grade(answer, reference, facts):
    question = TestQuestion("1", "", None, "", "Where?", facts, (), reference)
    given_answer = Answer("a", "q", text=answer, outcome="complete")
    graded = grade(question, given_answer, evidence_for(question, [given_answer]))
    assert 0 <= graded.facts_found <= graded.facts_required == len(facts or ())
    assert 0 <= graded.rouge_l <= 1 and 0 <= graded.chrf <= 1
    if answer.strip() and answer == reference:
        assert graded.chrf == pytest.approx(1) or not answer.split()
    own = evidence_for(replace(question, reference=answer), [])
    assert not grade(question, given_answer, own).unsupported, "what the reference says word for word has support"


@some(30)
@given(text=TEXT | st.just("<script>alert('&\"')</script>"), start=st.integers(), length=st.integers())
def test_no_text_becomes_part_of_a_page(text, start, length):
    pages = [_marked(text, start, length), table([exchange(text, text, text)]), details(exchange(text, text, text))]
    assert not [page for page in pages if "<script" in page]
