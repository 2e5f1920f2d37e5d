"""What a store promises, on SQLite and on Postgres alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from threading import Barrier

import pytest
from sqlalchemy import event, text

from core.api_keys import make_key
from core.errors import AlreadyVoted, ApiKeyError, StoreError, UnknownChat, VoteError
from core.types import (
    Answer,
    Arm,
    ArmSpec,
    Chat,
    Decoding,
    Exchange,
    Lane,
    Pair,
    Passage,
    Question,
    Thumb,
    TranscriptFilter,
    Turn,
    Vote,
    new_id,
)
from store import open_store
from store.sql_store import SqlStore

EVERY_SORT_OF_TEXT = [
    "",
    "Grüße, Ωmega, 日本語, עברית, العربية",
    "👩‍👩‍👧 🇩🇪 e\u0301 \ufeff\u200d\u2028\x01\x7f",
    "'; DROP TABLE chats; -- \\ \" % _ {x} :name %s",
    "line\r\nline\ttab ",
    "𝔘" * 5000,
]
ARM = Arm(
    name="lora+prompt",
    model="base",
    model_hash="m1",
    template="desk",
    template_version=3,
    template_hash="t1",
    decoding=Decoding(max_new_tokens=99, temperature=0.5, stop=("END", "\n\n")),
    adapter="support",
    adapter_hash="a1",
    index_version="i1",
)
BARE = replace(ARM, name="bare", template="plain", adapter=None, adapter_hash=None, index_version=None)

EMPTY: dict[Lane, tuple[Turn, ...]] = {"a": (), "b": ()}


@pytest.fixture
def store(store_url: str) -> Iterator[SqlStore]:
    opened = open_store(store_url)
    yield opened
    opened.close()


def start_chat(store: SqlStore, owner: str = "ann", **fields: object) -> Chat:
    chat = replace(Chat(new_id(), owner), **fields)  # type: ignore[arg-type]
    store.add_chat(chat)
    return chat


def ask(store: SqlStore, chat: Chat, words: str = "Where is my parcel?", **fields: object) -> Question:
    question = replace(Question(new_id(), chat.id, words), **fields)  # type: ignore[arg-type]
    store.add_question(question)
    return question


def reply(store: SqlStore, question: Question, words: str = "On its way.", **fields: object) -> Answer:
    answer = replace(Answer(new_id(), question.id, arm=ARM, text=words, outcome="complete"), **fields)  # type: ignore[arg-type]
    store.add_answer(answer)
    return answer


def compare(store: SqlStore, words: str = "Where is my parcel?") -> tuple[Question, Pair]:
    question = ask(store, start_chat(store, kind="blind"), words)
    left = reply(store, question, "left words", lane="b")
    right = reply(store, question, "right words", lane="a", arm=BARE)
    pair = Pair(new_id(), question.id, left.id, right.id)
    store.add_pair(pair)
    return question, pair


def found(store: SqlStore, **wanted: object) -> list[str]:
    """The questions found, newest first; counting must agree with searching."""
    wanted_exchanges = TranscriptFilter(**wanted)  # type: ignore[arg-type]
    questions = [exchange.question.text for exchange in store.search(wanted_exchanges)]
    assert store.count(wanted_exchanges) == len(questions)
    return questions


# ---- what is stored comes back


def test_a_chat_comes_back_as_it_was_stored(store: SqlStore) -> None:
    specs = (ArmSpec("bare", "plain"), ArmSpec("lora+prompt", "desk", "support"))
    chat = start_chat(store, kind="blind", title="Parcel", specs=specs, left="b", locked=True)
    assert store.chat(chat.id) == chat


def test_a_whole_exchange_comes_back_as_it_was_stored(store: SqlStore) -> None:
    chat = start_chat(store, kind="open")
    question = ask(store, chat)
    passages = (Passage("p1", "post.md", "Post", "Two days.", 0.75, 12), Passage("p2", "faq.md", "", ""))
    prompt = (Turn("system", "Be kind."), Turn("user", "Where?"))
    timing = {"reason": "length", "first_token_s": 0.25, "total_s": 1.5, "prompt_tokens": 40, "new_tokens": 8}
    left = reply(store, question, passages=passages, prompt=prompt, **timing)
    right = reply(store, question, "Half of", outcome="stopped", lane="b", arm=BARE)
    thumb = Thumb(left.id, "ann", 1, "nice")
    store.set_thumb(thumb)
    pair = Pair(new_id(), question.id, left.id, right.id)
    store.add_pair(pair)
    vote = Vote(new_id(), pair.id, "ann", "left", {"tone": (5, 2)}, "warm", "prompt")
    store.add_vote(vote)
    assert store.exchanges(chat.id) == [Exchange(chat, question, (left, right), (thumb,), pair, (vote,), history=EMPTY)]


def test_a_failure_before_the_arm_was_known_is_on_record(store: SqlStore) -> None:
    question = ask(store, start_chat(store))
    failed = Answer(new_id(), question.id, error="The adapter support is gone.")
    store.add_answer(failed)
    (exchange,) = store.search(TranscriptFilter(outcome="failed"))
    assert exchange.answers == (failed,)


def test_moments_are_told_in_utc_wherever_they_were_taken(store: SqlStore) -> None:
    moment = datetime(2026, 3, 29, 1, 30, 0, 123456, tzinfo=timezone(timedelta(hours=2)))
    chat = start_chat(store, created_at=moment)
    back = store.chat(chat.id).created_at
    assert back == moment
    assert back.utcoffset() == timedelta(0)


@pytest.mark.parametrize("words", EVERY_SORT_OF_TEXT)
def test_text_of_every_sort_comes_back_unchanged(store: SqlStore, words: str) -> None:
    chat = start_chat(store, title=words)
    question = ask(store, chat, words)
    answer = reply(store, question, words, error=words, passages=(Passage("p", words, words, words),))
    (exchange,) = store.exchanges(chat.id)
    assert (exchange.chat.title, exchange.question.text) == (words, words)
    assert exchange.answers == (answer,)
    assert found(store, text=words) == [words]


def test_characters_that_no_database_takes_are_mended(store: SqlStore) -> None:
    broken, mended = "a\0b\ud800c\ud83d\ude00", "ab\ufffdc😀"
    chat = start_chat(store, title=broken)
    question = ask(store, chat, broken)
    answer = reply(store, question, broken, arm=replace(ARM, template=broken), prompt=(Turn("user", broken),))
    store.set_thumb(Thumb(answer.id, broken, 1, broken))
    (exchange,) = store.search(TranscriptFilter(text=broken, template=broken, chat_id=chat.id + "\0"))
    (back,) = exchange.answers
    assert (exchange.chat.title, exchange.question.text, back.text) == (mended, mended, mended)
    assert back.prompt == (Turn("user", mended),)
    assert back.arm and back.arm.template == mended
    assert (exchange.thumbs[0].rater, exchange.thumbs[0].comment) == (mended, mended)


# ---- chats and their history


def test_chats_are_an_owners_newest_first_and_hold_a_question(store: SqlStore) -> None:
    early, late = datetime(2020, 1, 1, tzinfo=UTC), datetime(2030, 1, 1, tzinfo=UTC)
    first = start_chat(store, title="first", created_at=late)  # the clock was wrong, the order is not
    second = start_chat(store, title="second", created_at=early)
    blind = start_chat(store, title="blind", kind="blind")
    start_chat(store, title="empty")
    withdrawn = ask(store, start_chat(store, title="withdrawn"))
    store.withdraw(withdrawn.id)
    ask(store, start_chat(store, owner="bob", title="bob's"))
    for chat in (first, second, blind):
        ask(store, chat)
    assert [chat.title for chat in store.chats("ann")] == ["second", "first"]
    assert [chat.title for chat in store.chats("ann", limit=1)] == ["second"]
    assert [chat.title for chat in store.chats("ann", kinds=("chat", "blind"))] == ["blind", "second", "first"]


def test_a_chat_can_be_renamed_and_locked(store: SqlStore) -> None:
    chat, other = start_chat(store, title="old"), start_chat(store, title="other")
    store.rename_chat(chat.id, "new")
    store.lock_chat(chat.id)
    assert store.chat(chat.id) == replace(chat, title="new", locked=True)
    assert store.chat(other.id) == other


def test_what_does_not_exist_is_named(store: SqlStore) -> None:
    unknown_chats: list[Callable[[], object]] = [
        lambda: store.chat("nowhere"),
        lambda: store.rename_chat("nowhere", "title"),
        lambda: store.lock_chat("nowhere"),
        lambda: store.add_question(Question("q", "nowhere", "Hello?")),
    ]
    for call in unknown_chats:
        with pytest.raises(UnknownChat, match="nowhere"):
            call()
    unknown_others: list[Callable[[], object]] = [
        lambda: store.withdraw("nowhere"),
        lambda: store.add_answer(Answer("a", "nowhere")),
        lambda: store.set_thumb(Thumb("nowhere", "ann", 1)),
    ]
    for call in unknown_others:
        with pytest.raises(StoreError, match="nowhere"):
            call()
    with pytest.raises(StoreError, match="the-pair"):
        store.add_pair(Pair("the-pair", "nowhere", "x", "y"))
    with pytest.raises(VoteError, match="nowhere"):
        store.add_vote(Vote("v", "nowhere", "ann", "tie"))
    assert found(store) == []


def test_answers_come_oldest_first_whatever_order_the_database_keeps(store: SqlStore) -> None:
    question = ask(store, start_chat(store))
    first, second = reply(store, question, "first"), reply(store, question, "second")
    if store._engine.dialect.name == "sqlite":
        reverse = "PRAGMA reverse_unordered_selects = ON"
        event.listen(store._engine, "connect", lambda connection, _: connection.execute(reverse))
    else:
        with store._engine.begin() as connection:  # Postgres moves a row that is updated to the end
            connection.execute(text("UPDATE answers SET error = '' WHERE id = :id"), {"id": first.id})
    (exchange,) = store.exchanges(question.chat_id)
    assert exchange.answers == (first, second)
    assert store.history(question.chat_id)[-1] == Turn("assistant", "second")


def test_the_history_is_each_question_with_its_newest_answer(store: SqlStore) -> None:
    chat = start_chat(store)
    first, second = ask(store, chat, "One?"), ask(store, chat, "Two?")
    reply(store, first, "first try")
    reply(store, second, "two")
    reply(store, first, "second try")
    assert store.history(chat.id) == (
        Turn("user", "One?"),
        Turn("assistant", "second try"),
        Turn("user", "Two?"),
        Turn("assistant", "two"),
    )


def test_the_history_leaves_out_what_was_withdrawn_or_has_no_answer(store: SqlStore) -> None:
    chat = start_chat(store)
    withdrawn = ask(store, chat, "withdrawn")
    reply(store, withdrawn)
    store.withdraw(withdrawn.id)
    reply(store, ask(store, chat, "failed"), "", outcome="failed")
    stopped = ask(store, chat, "stopped late")
    reply(store, stopped, "It is", outcome="stopped")
    regenerated = ask(store, chat, "regenerated into nothing")
    reply(store, regenerated, "something")
    reply(store, regenerated, " \n", outcome="stopped")
    ask(store, chat, "not answered")
    assert store.history(chat.id) == (Turn("user", "stopped late"), Turn("assistant", "It is"))
    assert len(store.exchanges(chat.id)) == 4


def test_the_lanes_of_a_comparison_have_their_own_history(store: SqlStore) -> None:
    chat = start_chat(store, kind="open")
    question = ask(store, chat, "Which?")
    reply(store, question, "A says", lane="a")
    reply(store, question, "B says", lane="b")
    assert store.history(chat.id, "a")[1].text == "A says"
    assert store.history(chat.id, "b")[1].text == "B says"


def test_a_question_comes_back_with_the_turns_before_it(store: SqlStore) -> None:
    chat, other = start_chat(store), start_chat(store)
    for words in ("One?", "Two?"):
        reply(store, ask(store, chat, words), words.lower())
        reply(store, ask(store, other, "Elsewhere?"), "elsewhere")
    one, two = store.exchanges(chat.id)
    assert one.history == {"a": (), "b": ()}
    assert two.history["a"] == (Turn("user", "One?"), Turn("assistant", "one?"))
    (searched,) = store.search(TranscriptFilter(text="two?"))
    assert searched.question == two.question


def test_withdrawn_questions_stay_on_record(store: SqlStore) -> None:
    chat = start_chat(store)
    question = ask(store, chat)
    store.withdraw(question.id)
    store.withdraw(question.id)
    assert store.exchanges(chat.id) == []
    (exchange,) = store.search(TranscriptFilter())
    assert exchange.withdrawn


# ---- ratings


def test_a_rater_votes_once_on_a_pair(store: SqlStore) -> None:
    question, pair = compare(store)
    store.add_vote(Vote(new_id(), pair.id, "ann", "left"))
    store.add_vote(Vote(new_id(), pair.id, "bob", "right"))
    with pytest.raises(AlreadyVoted):
        store.add_vote(Vote(new_id(), pair.id, "ann", "right"))
    (exchange,) = store.exchanges(question.chat_id)
    assert [(vote.rater, vote.choice) for vote in exchange.votes] == [("ann", "left"), ("bob", "right")]


def test_of_two_votes_at_the_same_moment_one_counts(store: SqlStore) -> None:
    for _ in range(5):
        question, pair = compare(store)
        together = Barrier(2)

        def vote(choice: str, pair: Pair = pair, together: Barrier = together) -> str:
            together.wait(timeout=10)
            try:
                store.add_vote(Vote(new_id(), pair.id, "ann", choice))  # type: ignore[arg-type]
            except AlreadyVoted:
                return "already voted"
            return choice

        with ThreadPoolExecutor(2) as threads:
            outcomes = list(threads.map(vote, ["left", "right"]))
        (exchange,) = store.exchanges(question.chat_id)
        assert sorted(outcomes) == sorted(["already voted", *(vote.choice for vote in exchange.votes)])
        assert len(exchange.votes) == 1


def test_a_later_thumb_replaces_the_earlier(store: SqlStore) -> None:
    chat = start_chat(store)
    answer = reply(store, ask(store, chat))
    store.set_thumb(Thumb(answer.id, "ann", 1, "nice"))
    store.set_thumb(Thumb(answer.id, "bob", 1))
    changed = Thumb(answer.id, "ann", -1, "on second thoughts")
    store.set_thumb(changed)
    (exchange,) = store.exchanges(chat.id)
    assert {thumb.rater: thumb.value for thumb in exchange.thumbs} == {"ann": -1, "bob": 1}
    assert changed in exchange.thumbs


def test_the_newest_pair_is_the_one_shown(store: SqlStore) -> None:
    question, first = compare(store)
    store.add_vote(Vote(new_id(), first.id, "ann", "tie"))
    second = replace(first, id=new_id(), left_answer=first.right_answer, right_answer=first.left_answer)
    store.add_pair(second)
    (exchange,) = store.exchanges(question.chat_id)
    assert (exchange.pair, exchange.votes) == (second, ())


# ---- search


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ("Parcel LOST in the post", "parcel lost"),
        ("ÄRGER mit der STRASSE", "ärger mit der straße"),
        ("ПОСЫЛКА", "посылка"),
        ("cafe\u0301 au lait", "CAFÉ"),
        ("100% sure", "0% S"),
        ("order_id", "R_I"),
        ("C:\\temp\\x", "\\TEMP\\"),
        ("a/b", "/B"),
    ],
)
def test_text_is_found_whatever_its_case_in_questions_and_in_answers(store: SqlStore, words: str, wanted: str) -> None:
    ask(store, start_chat(store), words)
    reply(store, ask(store, start_chat(store), "answered"), words)
    ask(store, start_chat(store), "neither")
    assert found(store, text=wanted) == ["answered", words]


@pytest.mark.parametrize("wildcard", ["%", "_", "par%", "p_rcel", "\\", "/", "*"])
def test_wildcards_mean_themselves(store: SqlStore, wildcard: str) -> None:
    reply(store, ask(store, start_chat(store), "parcel"), "on its way")
    assert found(store, text=wildcard) == []


def test_the_conditions_on_an_answer_hold_for_one_and_the_same(store: SqlStore) -> None:
    both = ask(store, start_chat(store), "both")
    reply(store, both, arm=ARM)
    reply(store, both, arm=BARE, outcome="stopped")
    reply(store, ask(store, start_chat(store), "bare"), arm=BARE)
    ask(store, start_chat(store), "unanswered")
    assert found(store, arm="bare") == ["bare", "both"]
    assert found(store, arm="lora") == []
    assert found(store, template="desk") == ["both"]
    assert found(store, adapter="support") == ["both"]
    assert found(store, outcome="stopped") == ["both"]
    assert found(store, arm="bare", outcome="complete") == ["bare"]
    assert found(store, arm="lora+prompt", outcome="stopped") == []
    assert found(store) == ["unanswered", "bare", "both"]


def test_a_blind_pair_is_not_found_by_its_arm_before_its_vote(store: SqlStore) -> None:
    chat = start_chat(store, kind="blind")
    question = Question(new_id(), chat.id, "Which?")
    store.add_question(question)
    store.add_answer(Answer(new_id(), question.id, arm=ARM, text="This.", outcome="complete"))
    by_arm, by_text = TranscriptFilter(arm=ARM.name), TranscriptFilter(text="this")
    assert (store.count(by_arm), store.count(by_text)) == (0, 1)
    store.lock_chat(chat.id)
    assert (store.count(by_arm), store.count(by_text)) == (1, 1)


def test_rated_means_a_thumb_or_a_vote(store: SqlStore) -> None:
    store.set_thumb(Thumb(reply(store, ask(store, start_chat(store), "thumb")).id, "ann", -1))
    _, pair = compare(store, "vote")
    store.add_vote(Vote(new_id(), pair.id, "ann", "both_bad"))
    compare(store, "pair without a vote")
    reply(store, ask(store, start_chat(store), "answer"))
    ask(store, start_chat(store), "question")
    assert found(store, rated=True) == ["vote", "thumb"]
    assert found(store, rated=False) == ["question", "answer", "pair without a vote"]


def test_since_is_included_and_until_is_not(store: SqlStore) -> None:
    chat = start_chat(store)
    start = datetime(2026, 1, 1, tzinfo=UTC)
    for day in range(3):
        ask(store, chat, f"day {day}", created_at=start + timedelta(days=day))
    elsewhere = start.astimezone(timezone(timedelta(hours=-8)))
    assert found(store, since=elsewhere + timedelta(days=1)) == ["day 2", "day 1"]
    assert found(store, until=elsewhere + timedelta(days=1)) == ["day 0"]
    assert found(store, since=start, until=start + timedelta(days=2)) == ["day 1", "day 0"]


def test_pages_follow_each_other_without_gap_or_repetition(store: SqlStore) -> None:
    chat = start_chat(store)
    for number in range(7):
        ask(store, chat, str(number), created_at=datetime(2026, 1, 1, tzinfo=UTC))
    pages = [store.search(TranscriptFilter(), offset=start, limit=3) for start in (0, 3, 6, 9)]
    assert [[exchange.question.text for exchange in page] for page in pages] == [
        ["6", "5", "4"],
        ["3", "2", "1"],
        ["0"],
        [],
    ]
    assert found(store, chat_id=chat.id) == list("6543210")
    assert found(store, chat_id="another") == []


def test_a_full_page_takes_no_more_queries_than_a_short_one(store: SqlStore) -> None:
    for number in range(50):
        question, pair = compare(store, f"question {number}")
        store.add_vote(Vote(new_id(), pair.id, "ann", "tie"))
        store.lock_chat(question.chat_id)
    statements: list[str] = []
    event.listen(store._engine, "before_cursor_execute", lambda *arguments: statements.append(arguments[2]))

    def queries(limit: int) -> int:
        statements.clear()
        page = store.search(TranscriptFilter(text="question", arm="bare", rated=True), limit=limit)
        assert len(page) == limit
        assert all(len(exchange.answers) == 2 and exchange.votes for exchange in page)
        return sum(statement.startswith("SELECT") for statement in statements)

    assert 0 < queries(50) == queries(1) < 10


def test_an_export_of_everything_is_not_limited_by_the_batch(store: SqlStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("store.reading.BATCH", 4)
    chat = start_chat(store)
    for number in range(10):
        reply(store, ask(store, chat, str(number)), f"answer {number}")
    everything = store.search(TranscriptFilter())
    assert [exchange.answers[0].text for exchange in everything] == [f"answer {number}" for number in range(9, -1, -1)]
    assert len(everything[0].history["a"]) == 18


# ---- conversations that callers bring along


SAID = (Turn("user", "Hi"), Turn("assistant", "Hello."))


def test_the_turns_that_a_chat_opens_with_come_before_its_own(store: SqlStore) -> None:
    chat = start_chat(store, opening=SAID)
    first = ask(store, chat, "Where is it?")
    reply(store, first, "On its way.")
    second = ask(store, chat, "When?")
    whole = (*SAID, Turn("user", "Where is it?"), Turn("assistant", "On its way."))
    assert store.chat(chat.id).opening == SAID
    assert store.history(chat.id, before=first.id) == SAID
    assert store.history(chat.id, before=second.id) == store.history(chat.id) == whole
    assert [exchange.history["a"] for exchange in store.exchanges(chat.id)] == [SAID, whole]


def test_a_chat_is_continued_by_exactly_its_own_turns(store: SqlStore) -> None:
    chat = start_chat(store, opening=SAID)

    def goes_on(*history: Turn, chat_id: str = chat.id) -> bool:
        return store.continue_chat(Question(new_id(), chat_id, "And now?", history))

    assert not goes_on()
    assert not goes_on(*SAID, chat_id="unknown")
    assert not goes_on(SAID[0], Turn("assistant", "Hello!"))
    assert not goes_on(Turn("assistant", "Hi"), SAID[1])
    assert found(store) == []
    assert goes_on(Turn("user", " Hi"), Turn("assistant", "Hello.\n"))
    assert found(store) == ["And now?"]
    assert not goes_on(*SAID), "a question waits for its answer"
    reply(store, store.exchanges(chat.id)[0].question, "Soon.")
    assert not goes_on(*SAID)
    assert goes_on(*SAID, Turn("user", "And now?"), Turn("assistant", "Soon."))


def test_of_many_who_continue_a_chat_at_once_only_one_does(store: SqlStore) -> None:
    chat = start_chat(store, opening=SAID)
    together = Barrier(8)

    def go_on(number: int) -> bool:
        together.wait()
        return store.continue_chat(Question(new_id(), chat.id, str(number), SAID))

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(go_on, range(8))) == 1
    assert len(found(store)) == 1


def test_keys_of_one_name_that_are_made_at_once_are_one(store: SqlStore) -> None:
    together = Barrier(8)

    def make(_: int) -> bool:
        together.wait()
        try:
            make_key(store.api_keys, "shop", ["prompt"])
        except ApiKeyError:
            return False
        return True

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(make, range(8))) == 1
    (key,) = store.api_keys.all()
    assert (key.name, key.arms, key.used_at, key.revoked_at) == ("shop", ("prompt",), None, None)
    store.api_keys.revoke("shop", key.created_at)
    make_key(store.api_keys, "shop")
    assert store.api_keys.exist()
    assert store.api_keys.find(key.digest) is None


# ---- threads


def test_eight_threads_write_at_once_and_nothing_is_lost(store: SqlStore) -> None:
    def converse(owner: int) -> list[str]:
        chat = start_chat(store, owner=str(owner))
        for number in range(10):
            reply(store, ask(store, chat, f"{owner}/{number}"))
        return [exchange.question.text for exchange in store.exchanges(chat.id) if exchange.answers]

    with ThreadPoolExecutor(8) as threads:
        asked = list(threads.map(converse, range(8)))
    assert asked == [[f"{owner}/{number}" for number in range(10)] for owner in range(8)]
    assert store.count(TranscriptFilter(outcome="complete")) == 80


def test_a_generator_closed_on_another_thread_still_stores_its_answer(store: SqlStore) -> None:
    question = ask(store, start_chat(store))

    def stream() -> Iterator[str]:
        try:
            yield store.chat(question.chat_id).id
            yield "never"
        finally:
            reply(store, question, "half", outcome="stopped")

    stopped = stream()
    with ThreadPoolExecutor(1) as one, ThreadPoolExecutor(1) as another:
        one.submit(next, stopped).result()
        another.submit(stopped.close).result()  # type: ignore[attr-defined]
    assert found(store, outcome="stopped") == [question.text]
