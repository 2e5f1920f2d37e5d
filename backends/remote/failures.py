"""What can go wrong with a model server, in words for people: which server, what happened, what to do."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from core.errors import ServerError
from core.servers import Server

if TYPE_CHECKING:
    import openai

PASSING = (408, 425, 429)  # HTTP states that may pass, beside all from 500 on
LONGEST_WAIT_S = 10.0  # for which a server's wish to be asked later is granted while a customer waits


class Failure(ServerError):
    """`reason` and `advice` make the sentence. `passing`: it may be over at the next try, which the server wants in
    `wait_s` if it said so. `ill`: the server itself is to blame, not what it was asked. `status`: HTTP's, or 0."""

    def __init__(
        self,
        server: Server,
        reason: str,
        advice: str,
        *,
        passing: bool = False,
        ill: bool = True,
        status: int = 0,
        wait_s: float | None = None,
    ) -> None:
        super().__init__(f"The model server '{server.name}' {reason}; {advice}.")
        self.reason = reason
        self.passing = passing
        self.ill = ill
        self.status = status
        self.wait_s = wait_s


class Incomplete(Exception):
    """A stream ended without saying that the answer is complete."""


class Unintelligible(Exception):
    """What came is not what an OpenAI-compatible server says."""


@contextlib.contextmanager
def understanding() -> Iterator[None]:
    """Around whatever takes replies apart, which may be anything at all: raises Unintelligible."""
    try:
        yield
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        raise Unintelligible from error


def explain(server: Server, error: Exception) -> Failure:
    """The failure behind what the client raised; what is no failure of the server is raised again."""
    import openai

    if isinstance(error, Failure):
        return error
    if not isinstance(error, (openai.APIError, Incomplete, Unintelligible)):
        raise error
    if isinstance(error, openai.APIConnectionError):
        return _unreached(server, error)
    if isinstance(error, openai.APIStatusError):
        return _refused(server, error)
    if isinstance(error, Incomplete):
        return Failure(server, "ended its answer before it was complete", "ask again", passing=True)
    if isinstance(error, openai.APIError) and not isinstance(error, openai.APIResponseValidationError):
        said = _said(server, error.body or error.message)
        return Failure(server, f"failed ({said})", "ask again, or look at its log", passing=True)
    advice = f"check `url` in [servers.{server.name}], which mostly ends in /v1"
    return Failure(server, "does not answer as an OpenAI-compatible server does", advice)


def adapter_refused(server: Server, name: str, path: str, error: openai.APIStatusError) -> Failure | None:
    """Why vLLM does not load an adapter, whatever the HTTP state; None when it has done so before."""
    said = _said(server, error.body)
    if error.status_code == 400 and "already been loaded" in said:
        return None
    if error.status_code in (401, 403):
        return _refused(server, error)
    if error.status_code in (404, 405) and "adapter" not in said:
        reason = "does not load adapters"
        advice = "start vLLM with --enable-lora and with VLLM_ALLOW_RUNTIME_LORA_UPDATING=True"
    else:
        reason = f"does not take the adapter '{name}' from {path} (HTTP {error.status_code}: {said})"
        advice = (
            f"let `adapters` in [servers.{server.name}] be where it sees the folder of adapters, and see that the "
            "adapter fits its model and its --max-lora-rank"
        )
    return Failure(server, reason, advice, ill=False)


def broken_off(server: Server, error: Exception) -> Failure:
    """The failure of a stream of which a part has been shown."""
    reason = explain(server, error).reason
    return Failure(server, f"broke off in the middle of its answer: it {reason}", "ask again")


def left_alone(server: Server, problem: str, wait_s: float) -> Failure:
    """What is said while the circuit breaker is open; `problem` is the last failure's reason."""
    reason = f"is left alone for now, since it failed several times in a row (last: it {problem})"
    return Failure(server, reason, f"it is asked again in {wait_s:.0f} s, and arms elsewhere answer meanwhile")


def _unreached(server: Server, error: openai.APIConnectionError) -> Failure:
    import httpx2
    import openai

    cause = error.__cause__
    if isinstance(error, openai.APITimeoutError) and not isinstance(cause, httpx2.ConnectTimeout):
        advice = f"it may have too much to do: ask again later, or raise timeout_s in [servers.{server.name}]"
        return Failure(server, f"sent nothing for {server.timeout_s:g} s", advice)
    if isinstance(cause, (httpx2.ConnectError, httpx2.ConnectTimeout)):
        advice = f"start it, or check `url` in [servers.{server.name}]"
        return Failure(server, "cannot be reached", advice, passing=True)
    return Failure(server, "broke the connection", "ask again, or look at its log", passing=True)


def _refused(server: Server, error: openai.APIStatusError) -> Failure:
    status, said = error.status_code, _said(server, error.body)
    known: dict[str, Any] = {"status": status, "ill": status >= 500}
    if status in (401, 403):  # such an answer may repeat the key
        variable = f"the key in {server.key_env}" if server.key_env else f"`key_env` in [servers.{server.name}]"
        return Failure(server, f"refuses the key (HTTP {status})", f"check {variable}", **known)
    if status == 404:
        advice = f"check `model` and `url` in [servers.{server.name}]"
        return Failure(server, f"does not know what it was asked for (HTTP 404: {said})", advice, **known)
    if status in PASSING or status >= 500:
        wait_s = _retry_after(error)
        later = "ask again later" if wait_s is None else f"ask again in {wait_s:.0f} s"
        passing = wait_s is None or wait_s <= LONGEST_WAIT_S
        reason = "has too much to do" if status == 429 else "is not available"
        return Failure(server, f"{reason} (HTTP {status}: {said})", later, passing=passing, wait_s=wait_s, **known)
    advice = "shorten the message, or check the template's decoding and the server's settings"
    return Failure(server, f"refuses the request (HTTP {status}: {said})", advice, **known)


def _retry_after(error: openai.APIStatusError) -> float | None:
    """Seconds; dates, which the header may hold too, are not looked at."""
    try:
        return max(0.0, float(error.response.headers["retry-after"]))
    except (KeyError, ValueError):
        return None


def _said(server: Server, body: object) -> str:
    """The server's own words, short, and never the key."""
    if isinstance(body, dict):
        body = body.get("message") or body.get("detail") or body.get("error") or body
    text = " ".join(str(body or "no reason given").split())
    key = server.key() if server.key_env else ""
    text = text.replace(key, "***") if key else text
    return text if len(text) <= 200 else f"{text[:199]}…"
