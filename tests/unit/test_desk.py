"""The desk: every message is answered and recorded, however it ends."""

import threading

import pytest

from core.errors import Busy, InvalidMessage, UnknownChat
from core.types import Decoding, TranscriptFilter
from tests.conftest import LORA, PROMPT, Broken


def ask(desk, text="Where is my bike?", spec=PROMPT, chat=None):
    chat_id = chat or desk.open_chat("me").id
    return chat_id, list(desk.ask(chat_id, text, spec))


def test_an_answer_grows_and_the_last_one_is_on_record(desk):
    chat_id, answers = ask(desk)
    assert [a.text for a in answers] == ["", "Hello ", "Hello there.", "Hello there."]
    (exchange,) = desk.store.exchanges(chat_id)
    assert exchange.answers == (answers[-1],)
    assert answers[-1].outcome == "complete"
    assert answers[-1].arm.template == "friendly"
    assert answers[-1].passages[0].source == "returns.md"
    assert answers[-1].new_tokens == 2
    assert 0 < answers[-1].first_token_s <= answers[-1].total_s


def test_stop_keeps_what_was_said_and_says_so(desk, backend):
    chat_id = desk.open_chat("me").id
    stream = desk.ask(chat_id, "Where is my bike?", PROMPT)
    next(stream)
    next(stream)
    # Gradio closes the generator on another thread than the one that ran it.
    closer = threading.Thread(target=stream.close)
    closer.start()
    closer.join()
    (exchange,) = desk.store.exchanges(chat_id)
    assert (exchange.answers[0].outcome, exchange.answers[0].text) == ("stopped", "Hello ")
    assert backend.closed.is_set(), "the model went on generating after Stop"


@pytest.mark.parametrize(
    ("error", "shown"), [(Broken("The server is down."), "The server is down."), (ValueError("x"), "the log holds")]
)
def test_a_failure_is_recorded_with_a_sentence_for_people(desk, backend, error, shown):
    backend.error = error
    chat_id, answers = ask(desk)
    (exchange,) = desk.store.exchanges(chat_id)
    assert exchange.answers == (answers[-1],)
    assert answers[-1].outcome == "failed"
    assert answers[-1].text == "Hello there."
    assert shown in answers[-1].error
    assert "Traceback" not in answers[-1].error


@pytest.mark.parametrize(("text", "says"), [("  \n ", "empty"), ("x" * 101, "101 characters")])
def test_a_message_that_cannot_be_answered_stores_nothing(desk, text, says):
    with pytest.raises(InvalidMessage, match=says):
        ask(desk, text)
    assert desk.store.count(TranscriptFilter()) == 0


def test_an_unknown_chat_is_refused(desk):
    with pytest.raises(UnknownChat):
        ask(desk, chat="nonesuch")


def test_the_next_question_sees_the_conversation_so_far(desk, backend):
    chat_id, _ = ask(desk)
    ask(desk, "And when?", chat=chat_id)
    assert [t.text for t in backend.asked[-1].history] == ["Where is my bike?", "Hello there."]


def test_regenerating_does_not_see_its_own_older_answer_and_keeps_it(desk, backend):
    chat_id, _ = ask(desk)
    backend.words = ["Better."]
    list(desk.regenerate(chat_id, LORA))
    (exchange,) = desk.store.exchanges(chat_id)
    assert [a.text for a in exchange.answers] == ["Hello there.", "Better."]
    assert exchange.latest().arm.name == "lora"
    assert backend.asked[-1].history == ()


def test_editing_an_earlier_question_withdraws_what_followed_but_loses_nothing(desk):
    chat_id, _ = ask(desk, "First?")
    ask(desk, "Second?", chat=chat_id)
    first = desk.store.exchanges(chat_id)[0].question.id
    list(desk.edit(first, chat_id, "First, better?", PROMPT))
    assert [e.question.text for e in desk.store.exchanges(chat_id)] == ["First, better?"]
    assert desk.store.count(TranscriptFilter()) == 3


def test_editing_to_an_empty_message_changes_nothing(desk):
    chat_id, _ = ask(desk)
    question = desk.store.exchanges(chat_id)[0].question.id
    with pytest.raises(InvalidMessage):
        list(desk.edit(question, chat_id, " ", PROMPT))
    assert len(desk.store.exchanges(chat_id)) == 1


def test_undo_gives_the_question_back(desk):
    chat_id, _ = ask(desk)
    assert desk.undo(chat_id) == "Where is my bike?"
    assert desk.store.exchanges(chat_id) == []
    with pytest.raises(InvalidMessage):
        desk.undo(chat_id)


def test_a_later_thumb_replaces_the_earlier(desk):
    chat_id, answers = ask(desk)
    desk.rate(answers[-1].id, "me", 1)
    desk.rate(answers[-1].id, "me", -1, " too long ")
    (thumb,) = desk.store.exchanges(chat_id)[0].thumbs
    assert (thumb.value, thumb.comment) == (-1, "too long")


def test_a_chat_is_named_after_its_first_question(desk):
    chat_id, _ = ask(desk, "How long does a very long delivery to a very far away island take?")
    ask(desk, "Other", chat=chat_id)
    (chat,) = desk.store.chats("me")
    assert chat.title == "How long does a very long delivery to a very far away…"
    assert desk.store.chats("someone else") == []


def test_who_watches_hears_of_every_answer_that_is_stored(desk, backend):
    heard = []

    def watcher(answer, spec):
        (exchange,) = desk.store.exchanges(chat_id)
        assert answer in exchange.answers
        heard.append((answer.outcome, answer.reason, spec))

    chat_id = desk.open_chat("me").id
    desk.watch(watcher)
    desk.watch(lambda *_: 1 / 0)  # one that fails hurts nobody
    list(desk.ask(chat_id, "Where is my bike?", PROMPT))
    backend.error = Broken("The server is down.")
    list(desk.regenerate(chat_id, LORA))
    backend.error = ValueError("x")
    list(desk.regenerate(chat_id, LORA))
    stopped = desk.regenerate(chat_id, PROMPT)
    next(stopped)
    stopped.close()
    assert heard == [
        *(("complete", "", PROMPT), ("failed", "DuodeskError", LORA), ("failed", "bug", LORA), ("stopped", "", PROMPT)),
    ]


def test_an_answer_tells_its_place_in_line_while_it_waits_and_keeps_none_on_record(desk, backend):
    backend.places = [3, 1]
    chat_id, answers = ask(desk)
    assert [answer.place for answer in answers] == [0, 3, 1, 0, 0, 0]
    stopped = desk.regenerate(chat_id, PROMPT)
    assert [next(stopped).place for _ in range(2)] == [0, 3]
    stopped.close()
    (exchange,) = desk.store.exchanges(chat_id)
    assert [(answer.outcome, answer.place) for answer in exchange.answers] == [("complete", 0), ("stopped", 0)]


def test_an_edit_that_is_turned_away_at_the_last_moment_withdraws_nothing(desk):
    chat_id, _ = ask(desk)
    question = desk.store.exchanges(chat_id)[0].question.id
    exchanges = desk.store.exchanges

    def others_come(chat_id):
        desk.most_under_way = 0
        return exchanges(chat_id)

    desk.store.exchanges = others_come
    with pytest.raises(Busy):
        list(desk.edit(question, chat_id, "Changed", PROMPT))
    assert [exchange.question.text for exchange in exchanges(chat_id)] == ["Where is my bike?"]


def test_beyond_the_limit_questions_are_turned_away_before_anything_is_stored(desk):
    desk.most_under_way = 1
    chat_id, _ = ask(desk)
    writing = desk.ask(chat_id, "And when?", PROMPT)
    next(writing)
    assert desk.under_way == 1
    for another in (desk.ask(chat_id, "Me too!", PROMPT), desk.regenerate(chat_id, PROMPT)):
        with pytest.raises(Busy, match="1 answers are under way"):
            next(another)
    question = desk.store.exchanges(chat_id)[0].question.id
    with pytest.raises(Busy):
        next(desk.edit(question, chat_id, "Changed", PROMPT))
    with pytest.raises(Busy):
        desk.take_conversation("api", (), "Me too!")
    assert [exchange.question.text for exchange in desk.store.exchanges(chat_id)] == ["Where is my bike?", "And when?"]
    writing.close()
    ask(desk, chat=chat_id)


def test_decoding_can_be_chosen_for_one_answer(desk):
    chat_id = desk.open_chat("me").id
    question = desk.take_question(chat_id, "Where?")
    *_, answer = desk.answer(question, PROMPT, decoding=Decoding(max_new_tokens=3))
    assert answer.arm.decoding.max_new_tokens == 3
