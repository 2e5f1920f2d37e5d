"""Addresses beside the pages: OpenAI's chat completions under /v1, a document, health and metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fastapi import FastAPI

    from core.parts import Parts


def add_routes(site: FastAPI, parts: Parts) -> None:
    """Adds the addresses to the site."""
    from fastapi.responses import JSONResponse
    from starlette.exceptions import HTTPException
    from starlette.requests import Request
    from starlette.responses import Response

    from app import metrics
    from app.api import openai, source
    from app.api.errors import NO_ADDRESS, ApiError, respond

    api = openai.build_api(parts)
    site.mount("/v1", api)
    source.add_routes(site, parts)
    metrics.add_route(site, parts)

    @site.exception_handler(404)
    def unknown(request: Request, error: HTTPException) -> Response:
        """A path with a line break belongs to no mount, and so does not reach the API's own errors."""
        if request.url.path.startswith("/v1"):
            return respond(ApiError(404, NO_ADDRESS))
        return JSONResponse({"detail": error.detail}, 404)

    @site.get("/openapi.json")
    def openapi() -> JSONResponse:
        """What /v1 takes and gives."""
        return JSONResponse(api.openapi())

    @site.get("/health")
    def health() -> JSONResponse:
        """200 once answers can be made, 503 before and after a failure; the reason in `model`."""
        state = parts.model.state
        return JSONResponse({"model": state}, status_code=200 if state == "ready" else 503)
