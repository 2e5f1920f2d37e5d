"""Personal data is replaced before it is stored or logged, whoever writes it; the model still sees what was written."""

import inspect
import io
import logging
import threading
import time
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace

import pytest

from core import redaction
from core.comparison import Comparisons
from core.desk import Desk
from core.errors import DocumentError, UnknownDocument
from core.protocols import Store
from core.redaction import OwnContacts, RedactingStore, RedactingStudyStore, redact_logs
from core.studies import Rating, Study, StudyAnswer, StudyArm, StudyPlan, StudyStore, TestQuestion
from core.types import Answer, Arm, Decoding, TranscriptFilter, Turn, new_id, now
from tests.conftest import LORA, PROMPT

MAIL, PHONE, IBAN = "ann@example.org", "+31 6 28317745", "NL90 RABO 0316 0530 50"


@pytest.fixture
def redacting(store):
    return RedactingStore(store, lambda: {"crew@velomoor.example"})


@pytest.fixture
def desk(redacting, backend):
    return Desk(redacting, backend)


def on_record(store):
    """Everything that is stored, as text."""
    return repr(store.search(TranscriptFilter())) + repr(store.chats("me", ("chat", "open", "blind")))


@pytest.mark.parametrize(("wrapper", "protocol"), [(RedactingStore, Store), (RedactingStudyStore, StudyStore)])
def test_every_method_of_a_store_is_thought_of(wrapper, protocol):
    promised = {name for name in vars(protocol) if not name.startswith("_")}
    assert promised <= vars(wrapper).keys()
    for name in promised:
        if callable(getattr(protocol, name)):
            assert inspect.signature(getattr(wrapper, name)) == inspect.signature(getattr(protocol, name))


def test_the_model_sees_what_was_written_and_the_record_does_not(desk, backend, store):
    backend.words = ["I wrote ", f"to {MAIL}."]
    chat = desk.open_chat("me")
    *_, answer = desk.ask(chat.id, f"Mail {MAIL}, not crew@velomoor.example", PROMPT)
    assert backend.asked[0].text == f"Mail {MAIL}, not crew@velomoor.example"
    assert answer.text == f"I wrote to {MAIL}."
    (exchange,) = store.exchanges(chat.id)
    assert exchange.question.text == "Mail [email], not crew@velomoor.example"
    assert exchange.answers[0].text == "I wrote to [email]."
    assert exchange.answers[0].prompt[-1].text == "Mail [email], not crew@velomoor.example"
    assert MAIL not in on_record(store)
    assert store.privacy.counts() == {"email": 2}, "in the question and in the answer; the prompt repeats one"


def test_later_questions_and_new_answers_are_asked_with_the_redacted_record(desk, backend):
    chat = desk.open_chat("me")
    list(desk.ask(chat.id, f"Mail {MAIL}", PROMPT))
    list(desk.ask(chat.id, "When?", PROMPT))
    assert backend.asked[-1].history[0].text == "Mail [email]"
    list(desk.regenerate(chat.id, PROMPT))
    first = desk.store.exchanges(chat.id)[0].question.id
    list(desk.edit(first, chat.id, f"Call {PHONE}", PROMPT))
    assert [e.question.text for e in desk.store.exchanges(chat.id)] == ["Call [phone]"]
    assert desk.undo(chat.id) == "Call [phone]"


def test_a_title_that_is_cut_off_holds_no_half_of_a_number(desk, store):
    chat = desk.open_chat("me")
    list(desk.ask(chat.id, f"Please pay it all back to my own account {IBAN} before Friday noon", PROMPT))
    assert store.chat(chat.id).title == "Please pay it all back to my own account [iban] before…"


def test_votes_thumbs_errors_and_comparisons_are_redacted(desk, backend, store):
    comparisons = Comparisons(desk)
    chat = comparisons.open("me", PROMPT, LORA, blind=True)
    list(comparisons.ask(chat.id, f"Is {IBAN} right?"))
    comparisons.vote(chat.id, "me", "left", comment=f"Call {PHONE}")
    answer = store.exchanges(chat.id)[0].answers[0]
    desk.rate(answer.id, "me", -1, f"write to {MAIL}")
    desk.store.add_answer(replace(answer, id=new_id(), error=f"{MAIL} is not served", text=""))
    desk.store.add_chat(replace(chat, id=new_id(), title=MAIL))
    told = on_record(store)
    assert not [said for said in (IBAN, PHONE, MAIL) if said in told]
    assert "Call [phone]" in told and "write to [email]" in told
    assert store.privacy.counts() == {"email": 1, "iban": 1, "phone": 1}


def test_answers_of_a_study_stay_as_they_are_graded_and_comments_on_them_do_not(redacting, store):
    arm = Arm("bare", "tiny", "abc123", "friendly", 1, "def456", Decoding())
    question = TestQuestion("q", "post", None, "plain", "Whom do I call?", None, (), "The shop.")
    arms = (StudyArm("one", PROMPT), StudyArm("two", PROMPT))
    plan = StudyPlan("spring", "questions.csv", arms, ("one", "two"), ratings=1)
    study = Study("study", plan, (question,), {"one": arm, "two": arm})
    redacting.studies.add(study, [Rating("rating", "study", "q", "one", "two")])
    said = Answer("answer", "q", arm=arm, text=f"Call {PHONE}.", prompt=(Turn("user", MAIL),), outcome="complete")
    redacting.studies.add_answer(StudyAnswer("study", "one", said))
    redacting.studies.add_answer(StudyAnswer("study", "two", replace(said, id="other", text=f"Write to {MAIL}.")))
    assert [one.answer.text for one in store.studies.answers("study")] == [f"Call {PHONE}.", f"Write to {MAIL}."]
    assert store.studies.answers("study")[0].answer.prompt == said.prompt
    rating = redacting.studies.reserve("study", "ann", now() + timedelta(minutes=9))
    redacting.studies.rate(replace(rating, choice="left", comment=f"{PHONE} is a customer's"))
    assert store.studies.ratings("study")[0].comment == "[phone] is a customer's"
    assert store.privacy.counts() == {"phone": 1}


def test_a_count_that_is_lost_loses_nothing_else(desk, store, monkeypatch):
    def fail(kinds):
        raise DocumentError("no room")

    monkeypatch.setattr(store.privacy, "count", fail)
    chat = desk.open_chat("me")
    *_, answer = desk.ask(chat.id, f"Mail {MAIL}", PROMPT)
    assert answer.outcome == "complete"
    assert store.exchanges(chat.id)[0].question.text == "Mail [email]"


class Documents:
    """A retriever that holds texts; it counts how often one is read."""

    def __init__(self, **texts):
        self.texts, self.version, self.read = texts, "1", 0

    def documents(self):
        return [(source, 1) for source in (*self.texts, "gone")]

    def document(self, source):
        self.read += 1
        if source not in self.texts:
            raise UnknownDocument("gone")
        return self.texts[source]


def test_the_companys_contacts_come_from_its_documents_and_follow_them():
    retriever = Documents(help=f"Write to {MAIL}.")
    own = OwnContacts(retriever)
    assert own() == {MAIL}
    read = retriever.read
    own()
    assert retriever.read == read, "documents that have not changed are not looked at again"
    retriever.texts["call"], retriever.version = f"Call {PHONE}.", "2"
    assert {MAIL, "+31628317745", "0031628317745", "0628317745"} == own()


def test_an_index_that_cannot_be_read_keeps_nobody_from_asking(store, backend):
    class Broken(Documents):
        def documents(self):
            raise DocumentError("the index is gone")

    desk = Desk(RedactingStore(store, OwnContacts(Broken())), backend)
    chat = desk.open_chat("me")
    list(desk.ask(chat.id, f"Mail {MAIL}", PROMPT))
    assert store.exchanges(chat.id)[0].question.text == "Mail [email]"


def test_an_index_that_does_not_answer_holds_up_one_moment_and_then_nobody(monkeypatch):
    monkeypatch.setattr(redaction, "LOOK_S", 0.5)
    answering = threading.Event()
    answering.set()

    class Hanging(Documents):
        def documents(self):
            assert answering.wait(30)
            return super().documents()

    retriever = Hanging(help=f"Write to {MAIL}.")
    own = OwnContacts(retriever)
    assert own() == {MAIL}
    answering.clear()
    retriever.texts["call"], retriever.version = f"Call {PHONE}.", "2"
    started = time.monotonic()
    assert [own() for _ in range(50)] == [{MAIL}] * 50
    assert time.monotonic() - started < 15, "50 looks one after the other would have taken 25 seconds"
    answering.set()
    deadline = time.monotonic() + 30
    while own() == {MAIL} and time.monotonic() < deadline:
        time.sleep(0.01)
    assert PHONE.replace(" ", "") in own()


@pytest.fixture
def log():
    make, stream = logging.getLogRecordFactory(), io.StringIO()
    redact_logs()
    logger = logging.getLogger("test of redaction")
    logger.addHandler(logging.StreamHandler(stream))
    logger.propagate = False
    yield SimpleNamespace(logger=logger, stream=stream)
    logging.setLogRecordFactory(make)


def test_the_log_holds_no_personal_data(log):
    log.logger.warning(f"direct {MAIL}")
    log.logger.warning("%s of %d", PHONE, 3)
    log.logger.warning("%(who)s", {"who": "a dict"})
    try:
        raise ValueError(f"cannot read {IBAN}")
    except ValueError as error:
        log.logger.exception("it failed: %s", error)
    said = log.stream.getvalue()
    assert "direct [email]" in said and "[phone] of 3" in said and "a dict" in said
    assert said.count("cannot read [iban]") == 2 and "Traceback" in said
    assert not [secret for secret in (MAIL, PHONE, IBAN) if secret in said]
