"""The gate alone, with nothing behind it: what it lets through is read by others exactly as it read it."""

from __future__ import annotations

import pytest
from starlette.testclient import TestClient

from app.access.gate import Gate

LET_IN = 204


@pytest.fixture
def client() -> TestClient:
    async def let_in(scope, receive, send):
        await send({"type": "http.response.start", "status": LET_IN, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    return TestClient(Gate(let_in, None, page_of=lambda number: ""), base_url="http://localhost")


@pytest.mark.parametrize(
    "path",
    [
        "/gradio_api/queue/data?session_hash=mine&session_hash=theirs",
        "/gradio_api/queue/data?session_hash=&session_hash=theirs",
        "/gradio_api/queue/data?session_hash=mine&session%5Fhash=theirs",
        "/config?page=compare&page=transcripts",
        "/?page=&page=transcripts",
    ],
)
def test_what_an_address_names_twice_is_refused(client, path):
    assert client.get(path).status_code == 400
    assert client.get(path.replace("&", "&and_another=")).status_code == LET_IN
