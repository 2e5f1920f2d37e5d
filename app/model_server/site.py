"""The addresses of the model server."""

from __future__ import annotations

import hmac
import time
from typing import Annotated, Any

from fastapi import Depends, FastAPI
from fastapi.responses import JSONResponse, PlainTextResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Gauge, ProcessCollector, generate_latest
from starlette.requests import Request
from starlette.responses import Response

from app.api.body_limit import BodyLimit
from app.api.errors import ApiError, add_handlers
from app.model_server.asked import CompletionRequest, LoadRequest, TokenizeRequest, UnloadRequest
from app.model_server.completions import Completions
from core.errors import AdapterError, UnknownAdapter
from core.serving import ServedCard, ServedModel

LARGEST_BODY = 8 << 20  # bytes
Given = Annotated[HTTPAuthorizationCredentials | None, Depends(HTTPBearer(auto_error=False))]


def build_site(model: ServedModel, most_under_way: int, key: str = "") -> FastAPI:
    """`key` is what callers must send as their bearer token; empty: nothing."""

    def known(given: Given = None) -> None:
        if key and not (given and hmac.compare_digest(given.credentials.encode(), key.encode())):
            raise ApiError(401, "The key is missing or wrong.", code="invalid_api_key")

    site = FastAPI(title="Duodesk model server", docs_url=None, redoc_url=None, openapi_url=None)
    site.add_middleware(BodyLimit, most=LARGEST_BODY)
    add_handlers(site)
    completions, started = Completions(model, most_under_way), int(time.time())
    with_key = [Depends(known)]

    @site.get("/health")
    def health() -> JSONResponse:
        """200 once the weights are loaded."""
        return JSONResponse({"model": model.state}, 200 if model.state == "ready" else 503)

    @site.get("/v1/models", dependencies=with_key)
    def models() -> dict[str, Any]:
        """The base model, then the adapters that were loaded."""
        return {"object": "list", "data": [_card(card, started, model.context_tokens) for card in model.cards()]}

    @site.post("/v1/chat/completions", dependencies=with_key)
    async def chat_completions(asked: CompletionRequest, request: Request) -> Response:
        return await completions.answer(asked, request)

    @site.post("/tokenize", dependencies=with_key)
    def tokenize(asked: TokenizeRequest) -> dict[str, int]:
        """How long a prompt is. vLLM's `tokens` are left out: nobody here asks for them."""
        return {"count": model.count(asked.turns), "max_model_len": model.context_tokens}

    @site.post("/v1/load_lora_adapter", dependencies=with_key)
    def load_adapter(asked: LoadRequest) -> PlainTextResponse:
        try:
            model.load_adapter(asked.lora_name, asked.lora_path)
        except AdapterError as error:
            raise ApiError(400, str(error), "lora_path", "invalid_adapter") from error
        return PlainTextResponse(f"Success: LoRA adapter '{asked.lora_name}' added successfully.")

    @site.post("/v1/unload_lora_adapter", dependencies=with_key)
    def unload_adapter(asked: UnloadRequest) -> PlainTextResponse:
        try:
            model.unload_adapter(asked.lora_name)
        except UnknownAdapter as error:
            raise ApiError(404, str(error), "lora_name", "model_not_found") from error
        return PlainTextResponse(f"Success: LoRA adapter '{asked.lora_name}' removed successfully.")

    registry = _registry(model)

    @site.get("/metrics", dependencies=with_key)
    def metrics() -> Response:
        return Response(generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

    return site


def _card(card: ServedCard, created: int, context: int) -> dict[str, Any]:
    """As vLLM tells it, and the weights' hash."""
    return {
        "id": card.name,
        "object": "model",
        "created": created,
        "owned_by": "duodesk",
        "root": card.root,
        "parent": card.parent,
        "max_model_len": context,
        "hash": card.hash,
    }


def _registry(model: ServedModel) -> CollectorRegistry:
    """What Prometheus reads. The apps count answers and tokens; here is what only the engine knows."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    for name, meaning, value in (
        ("duodesk_queue_waiting", "Answers that wait for the model", lambda: model.queue.waiting),
        ("duodesk_queue_writing", "Answers that the model reads for or writes", lambda: model.queue.writing),
        ("duodesk_model_ready", "1 once the model is loaded", lambda: model.state == "ready"),
    ):
        Gauge(name, meaning, registry=registry).set_function(value)
    return registry
