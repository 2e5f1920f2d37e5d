"""The API does what its OpenAPI page says, whatever is sent: schemathesis makes requests from the page, both right and
wrong ones, and checks statuses, content types and the form of every answer."""

from __future__ import annotations

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode

from core.api_keys import make_key
from tests.broken.limits import LONG
from tests.unit.test_api_site import bearer, complete, site

OPERATIONS = [("GET", "/models"), ("GET", "/models/{model}"), ("POST", "/chat/completions"), ("POST", "/thumbs")]


@pytest.mark.parametrize("mode", GenerationMode)
@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_the_api_does_what_its_page_says(desk, method, path, mode):
    desk.max_message_chars = 10**6
    client = site(desk, most=0)
    schema = schemathesis.openapi.from_asgi("/openapi.json", client.app)
    assert {(verb.upper(), name) for name, item in schema.raw_schema["paths"].items() for verb in item} == set(
        OPERATIONS
    )
    key = bearer(make_key(desk.store.api_keys, "shop"))
    answered = complete(client, key).json()["duodesk"]
    statuses = set()

    @settings(max_examples=10 * LONG, deadline=None, suppress_health_check=list(HealthCheck))
    @given(case=schema[path][method].as_strategy(generation_mode=mode))
    def check(case):
        if mode == GenerationMode.POSITIVE:
            make_answerable(case, answered)
        statuses.add(case.call_and_validate(headers=key).status_code)

    check()
    assert max(statuses) < 500, statuses
    if mode == GenerationMode.POSITIVE:
        assert statuses & {200, 204}


def make_answerable(case, answered):
    """What a page can only describe: the model is one of those there are; the last message is the user's and says
    something; what belongs together; the settings' limits; the answer that a thumb is about has been given."""
    if "model" in case.path_parameters:
        case.path_parameters["model"] = "prompt"
    if case.path == "/thumbs":
        case.body |= {name: answered[name] for name in ("chat_id", "answer_id")}
        case.body.pop("user", None)
    elif isinstance(case.body, dict):
        case.body |= {"model": "lora+prompt:calm", "max_completion_tokens": None}
        case.body["messages"][-1] |= {"role": "user", "content": "Where is my bike?"}
        if case.body.get("max_tokens"):
            case.body["max_tokens"] = min(case.body["max_tokens"], 8192)
        if not case.body.get("stream"):
            case.body.pop("stream_options", None)
