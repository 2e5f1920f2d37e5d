"""Whatever goes wrong as an error in OpenAI's form, from which its clients make their exceptions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

import core.errors
from app.api.wire import Problem, Problems
from core.errors import (
    AdapterError,
    Busy,
    DuodeskError,
    InvalidMessage,
    PromptTooLong,
    UnknownArm,
    UnknownTemplate,
)
from core.types import Answer

NO_ADDRESS = "There is no such address; the API has /v1/models, /v1/chat/completions and /v1/thumbs."
BUG = "Something went wrong inside Duodesk; the log holds the details. Try again."
RETRY = {"Retry-After": "1"}
TYPES = {401: "authentication_error", 404: "not_found_error", 429: "rate_limit_error"}
# By class, the first that fits: status, code, and which field is to blame.
KINDS: tuple[tuple[type[DuodeskError], int, str, str | None], ...] = (
    (Busy, 429, "busy", None),
    (InvalidMessage, 400, "invalid_message", "messages"),
    (PromptTooLong, 400, "context_length_exceeded", "messages"),
    (UnknownArm, 404, "model_not_found", "model"),
    (UnknownTemplate, 404, "model_not_found", "model"),
    (AdapterError, 404, "model_not_found", "model"),
    (DuodeskError, 503, "not_available", None),  # the model, the database or the index: it may be there again soon
)


class ApiError(HTTPException):
    """An error that the caller gets. `param` names the field to blame, `code` is for programs."""

    def __init__(
        self,
        status: int,
        message: str,
        param: str | None = None,
        code: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        kind = TYPES.get(status, "invalid_request_error" if status < 500 else "server_error")
        super().__init__(status, message, dict(headers or {}))
        self.problem = Problem(message=message, type=kind, param=param, code=code)


def api_error(kind: type[DuodeskError], message: str) -> ApiError:
    """What a caller gets for one of our own errors."""
    status, code, param = next(entry[1:] for entry in KINDS if issubclass(kind, entry[0]))
    return ApiError(status, message, param, code, RETRY if status in (429, 503) else None)


def failed_answer(answer: Answer) -> ApiError:
    """What a caller gets for an answer that failed."""
    kind = getattr(core.errors, answer.reason, None)
    return api_error(kind, answer.error) if kind else ApiError(500, answer.error, code="bug")


def add_handlers(api: FastAPI) -> None:
    """Makes the application answer all errors in this form."""

    @api.exception_handler(HTTPException)
    def refused(_: Request, error: HTTPException) -> Response:
        said = error if isinstance(error, ApiError) else ApiError(error.status_code, _sentence(error))
        return respond(said, error.headers)

    @api.exception_handler(DuodeskError)
    def failed(_: Request, error: DuodeskError) -> Response:
        said = api_error(type(error), str(error))
        return respond(said, said.headers)

    @api.exception_handler(RequestValidationError)
    def invalid(_: Request, error: RequestValidationError) -> Response:
        return respond(wrong_field(error.errors()))

    @api.exception_handler(Exception)
    def bug(_: Request, __: Exception) -> Response:
        return respond(ApiError(500, BUG, code="bug"))


def respond(error: ApiError, headers: Mapping[str, str] | None = None) -> Response:
    """ASCII with escapes: what a caller sent may hold what UTF-8 cannot."""
    body = Problems(error=error.problem).model_dump_json(ensure_ascii=True)
    return Response(body, error.status_code, dict(headers or {}), "application/json")


def wrong_field(errors: Sequence[Mapping[str, Any]]) -> ApiError:
    """The first thing that is wrong with a request's body, by name."""
    error = errors[0]
    param = _path(error["loc"])
    given = error.get("input")
    match error["type"]:
        case "json_invalid":
            return ApiError(400, f"The body is not valid JSON: {error['ctx']['error']}.", code="invalid_json")
        case "model_attributes_type" | "model_type" if not param:
            return ApiError(400, "The body must be a JSON object, sent as application/json.", code="invalid_json")
        case "missing":
            said = f"`{param}` is missing; add it." if param else "The body is empty; send a JSON object."
            return ApiError(400, said, param, "missing_parameter")
        case "extra_forbidden" | "none_required":
            return ApiError(400, f"`{param}` is not supported; leave it out.", param, "unsupported_parameter")
        case "literal_error" if param in ("n", "logprobs"):
            return ApiError(400, f"`{param}` can only be {error['ctx']['expected']}.", param, "unsupported_value")
        case "too_short":
            return ApiError(400, f"`{param}` is empty; ask something.", param, "invalid_value")
        case "value_error":
            reason = str(error["ctx"]["error"])
            return ApiError(400, f"`{param}` {reason}." if param else f"{_capital(reason)}.", param, "invalid_value")
        case "string_unicode":
            return ApiError(400, f"`{param}` holds what is no text.", param, "invalid_value")
    reason = str(error["msg"]).removeprefix("Input ").replace("should", "must", 1)
    shown = f", but is {given!r:.40}" if isinstance(given, (str, int, float)) else ""
    return ApiError(400, f"`{param}` {reason[:1].lower()}{reason[1:]}{shown}.", param, "invalid_value")


def _path(where: Sequence[Any]) -> str | None:
    """('body', 'messages', 0, 'content') as messages[0].content."""
    path = ""
    for part in where[1:]:
        path += f"[{part}]" if isinstance(part, int) else f".{part}"
    return path.removeprefix(".") or None


def _capital(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]


def _sentence(error: HTTPException) -> str:
    known = {
        404: NO_ADDRESS,
        405: "Method not taken.",
    }
    return known.get(error.status_code, str(error.detail))
