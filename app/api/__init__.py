"""Addresses beside the pages: OpenAI's chat completions under /v1, a document, health and metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fastapi import FastAPI

    from core.parts import Parts


def add_routes(site: FastAPI, parts: Parts) -> None:
    """Adds the addresses to the site."""
    from fastapi.responses import JSONResponse

    from app import metrics
    from app.api import openai, source

    api = openai.build_api(parts)
    site.mount("/v1", api)
    source.add_routes(site, parts)
    metrics.add_route(site, parts)

    @site.get("/openapi.json")
    def openapi() -> JSONResponse:
        """What /v1 takes and gives."""
        return JSONResponse(api.openapi())

    @site.get("/health")
    def health() -> JSONResponse:
        """200 once answers can be made, 503 before and after a failure; the reason in `model`."""
        state = parts.model.state
        return JSONResponse({"model": state}, status_code=200 if state == "ready" else 503)
