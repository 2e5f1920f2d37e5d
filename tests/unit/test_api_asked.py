"""What the API takes: every field is known, ignored for a reason, or refused by name in one sentence."""

import pytest
from pydantic import ValidationError

from app.api.asked import ChatRequest
from app.api.errors import wrong_field
from core.types import Turn

ASKED = [{"role": "user", "content": "Where is my bike?"}]


def request(**fields):
    return ChatRequest.model_validate({"model": "prompt", "messages": ASKED} | fields)


def refusal(**fields):
    with pytest.raises(ValidationError) as caught:
        request(**fields)
    return wrong_field([{**error, "loc": ("body", *error["loc"])} for error in caught.value.errors()]).problem


def said(*roles_and_texts):
    return [{"role": role, "content": text} for role, text in roles_and_texts]


@pytest.mark.parametrize("name", ["n", "logprobs", "tools", "response_format", "frequency_penalty", "stop", "user"])
def test_null_is_the_same_as_nothing(name):
    assert request(**{name: None}).turns == request().turns


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("n", 1), ("logprobs", False), ("response_format", {"type": "text"}), ("modalities", ["text"])),
        *(("frequency_penalty", 0), ("presence_penalty", 0.0), ("temperature", 1), ("top_p", 0), ("stop", [])),
        *(("store", True), ("service_tier", "auto"), ("metadata", {"ticket": "77", "chat_id": "abc"})),
    ],
)
def test_fields_that_ask_for_nothing_special_are_taken(name, value):
    request(**{name: value})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("tools", []), ("tool_choice", "none"), ("functions", []), ("logit_bias", {}), ("seed", 1)),
        *(("reasoning_effort", "low"), ("top_logprobs", 2), ("top_k", 40), ("best_of", 2)),
        *(("n", 2), ("logprobs", True), ("response_format", {"type": "json_object"}), ("frequency_penalty", 0.5)),
    ],
)
def test_what_would_change_the_answer_and_is_not_there_is_refused_by_name(name, value):
    problem = refusal(**{name: value})
    assert problem.param.startswith(name)
    assert f"`{name}" in problem.message
    assert problem.type == "invalid_request_error"


@pytest.mark.parametrize(
    ("fields", "param", "says"),
    [
        ({"messages": []}, "messages", "is empty"),
        ({"messages": "hi"}, "messages", "list"),
        ({"messages": said(("assistant", "Hello"))}, None, "last of `messages` must be the user's"),
        ({"messages": said(("system", "Be kind"), ("user", "Hi"))}, "messages[0].role", "part of the arm's template"),
        ({"messages": said(("tool", "1"), ("user", "Hi"))}, "messages[0].role", "'user' or 'assistant'"),
        ({"messages": [{"role": "user"}]}, "messages[0].content", "missing"),
        ({"messages": said(("user", None))}, "messages[0].content", "must be text"),
        ({"messages": said(("user", [{"type": "image_url"}]))}, "messages[0].content", "nothing else is read"),
        ({"messages": said(("user", "\ud800"))}, "messages[0].content", "half a character"),
        ({"temperature": "0.5"}, "temperature", "number, but is '0.5'"),
        ({"temperature": 2.5}, "temperature", "less than or equal to 2"),
        ({"temperature": float("nan")}, "temperature", "nan"),
        ({"max_tokens": 0}, "max_tokens", "greater than or equal to 1"),
        ({"max_tokens": True}, "max_tokens", "integer"),
        ({"max_tokens": 1, "max_completion_tokens": 2}, None, "differ"),
        ({"stop": ["a"] * 5}, "stop", "at most 4"),
        ({"stop": ""}, "stop", "1 to 500 characters"),
        ({"stop": 3}, "stop", "a text or a list"),
        ({"stream": "yes"}, "stream", "boolean"),
        ({"stream_options": {"include_usage": True}}, None, "together with `stream`"),
        ({"model": 3}, "model", "must be text"),
        ({"metadata": {"chat_id": 3}}, "metadata.chat_id", "must be text"),
    ],
)
def test_a_mistake_is_named_in_a_sentence(fields, param, says):
    problem = refusal(**fields)
    assert problem.param == param
    assert says in problem.message


def test_parts_of_text_are_one_text_and_messages_in_a_row_one_message():
    parts = [{"type": "text", "text": "Hi."}, {"type": "text", "text": "I have a question."}]
    turns = request(messages=[*said(("user", parts)), *said(("user", "Where?"))]).turns
    assert turns == (Turn("user", "Hi.\nI have a question.\nWhere?"),)


def test_the_message_of_a_reply_may_be_sent_back_as_it_is():
    reply = {"role": "assistant", "content": "Hello.", "refusal": None, "tool_calls": None, "annotations": []}
    turns = request(messages=[*said(("user", "Hi")), reply, *said(("user", "Where?"))]).turns
    assert [turn.role for turn in turns] == ["user", "assistant", "user"]
