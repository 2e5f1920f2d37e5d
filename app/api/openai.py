"""OpenAI's API as an application of its own, mounted at /v1: models, chat completions, errors, its OpenAPI page."""

from __future__ import annotations

from typing import Any

from fastapi import Depends, FastAPI
from fastapi.openapi.utils import get_openapi
from starlette.requests import Request
from starlette.responses import Response

from app.api.arms import Arms
from app.api.asked import ChatRequest
from app.api.body_limit import BodyLimit
from app.api.callers import Caller, Callers
from app.api.chat import ChatCompletions
from app.api.errors import add_handlers
from app.api.thumbs import ThumbRequest, give_thumb
from app.api.wire import ArmModel, ArmModels, ChatCompletion, ChatCompletionChunk, Problems
from core.parts import Parts

ABOUT = "Duodesk's arms as models of OpenAI's chat completions. docs/api.md tells what is different."
LARGEST_BODY = 2 << 20  # bytes
REASONS = {
    400: "The request is wrong; `param` names the field.",
    401: "No key, or not one in force.",
    404: "There is no such model or answer, or the key does not allow it.",
    413: "The body is too large.",
    429: "Too many answers are under way, or too many requests came with this key; Retry-After tells how long to wait.",
    500: "A bug.",
    503: "The model, the database or the index is not there.",
}


def errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The errors of a route for its OpenAPI page."""
    return {status: {"model": Problems, "description": REASONS[status]} for status in statuses}


def build_api(parts: Parts) -> FastAPI:
    """The application; its paths are those after /v1."""
    api = FastAPI(
        title="Duodesk", description=ABOUT, version="1", docs_url=None, redoc_url=None, servers=[{"url": "/v1"}]
    )
    arms, completions = Arms(parts), ChatCompletions(parts)
    known = Depends(Callers(parts).caller)
    add_handlers(api)
    api.add_middleware(BodyLimit, most=LARGEST_BODY)

    @api.get("/models", responses=errors(401, 429, 500, 503))
    def models(caller: Caller = known) -> ArmModels:
        """The arms that may be asked. Any other template or adapter can be named in the same way."""
        return ArmModels(data=[arms.model(name) for name in arms.names() if caller.may_ask(name)])

    @api.get("/models/{model:path}", responses=errors(401, 404, 429, 500, 503))
    def model(model: str, caller: Caller = known) -> ArmModel:
        """One arm."""
        caller.check(model)
        return arms.model(model)

    streamed: dict[str, Any] = {"text/event-stream": {}}  # no schema: OpenAPI 3.1 has none for events
    described = {
        "description": "The answer; with `stream` its chunks (ChatCompletionChunk) as events, ended by [DONE].",
        "content": streamed,
    }

    @api.post(
        "/chat/completions",
        response_model=ChatCompletion,
        responses={200: described, **errors(400, 401, 404, 413, 429, 500, 503)},
    )
    async def chat_completions(asked: ChatRequest, request: Request, caller: Caller = known) -> Response:
        """Answers the last message with one arm."""
        return await completions.answer(asked, request, caller)

    @api.post("/thumbs", status_code=204, responses=errors(400, 401, 404, 413, 500, 503))
    def thumbs(asked: ThumbRequest, caller: Caller = known) -> None:
        """Keeps a customer's thumb on an answer."""
        give_thumb(parts.desk, asked, caller)

    api.openapi = lambda: _page(api)  # type: ignore[method-assign]
    return api


def _page(api: FastAPI) -> dict[str, Any]:
    """FastAPI's page without its own form of validation errors, which are answered in OpenAI's form, as 400."""
    if api.openapi_schema:
        return api.openapi_schema
    page = get_openapi(
        title=api.title, version=api.version, description=api.description, routes=api.routes, servers=api.servers
    )
    for path in page["paths"].values():
        for operation in path.values():
            operation["responses"].pop("422", None)
    schemas = page["components"]["schemas"]
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    chunk = ChatCompletionChunk.model_json_schema(ref_template="#/components/schemas/{model}", mode="serialization")
    schemas |= chunk.pop("$defs", {}) | {"ChatCompletionChunk": chunk}
    api.openapi_schema = page
    return page
