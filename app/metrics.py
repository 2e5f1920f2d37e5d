"""What a Prometheus server reads at /metrics: latency, tokens, queue, answers and errors by arm, requests by route.

It counts at the desk, so that answers of the pages and of the API are in the same figures. Each process counts its
own; labels only have values from fixed lists, since each new one would be a new time series.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, generate_latest
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

import core.errors
from core.errors import DuodeskError
from core.parts import Parts
from core.types import ARM_NAMES, Answer, ArmSpec

if TYPE_CHECKING:
    from fastapi import FastAPI

FIRST_TOKEN_S = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
ANSWER_S = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)
ROUTES = ("/v1/models", "/v1/chat/completions", "/v1/thumbs", "/v1", "/health", "/metrics", "/openapi.json", "/source")
METHODS = ("GET", "HEAD", "POST")


class Metrics:
    """The figures of one site, and what feeds them."""

    def __init__(self, parts: Parts) -> None:
        self.registry = registry = CollectorRegistry()
        self.parts = parts
        arm = ["arm"]
        self.first_token = Histogram(
            "duodesk_first_token_seconds", "To the first token", arm, buckets=FIRST_TOKEN_S, registry=registry
        )
        self.total = Histogram(
            "duodesk_answer_seconds", "To the end of the answer", arm, buckets=ANSWER_S, registry=registry
        )
        self.read = Counter("duodesk_prompt_tokens", "Tokens of prompts", arm, registry=registry)
        self.written = Counter("duodesk_new_tokens", "Tokens of answers", arm, registry=registry)
        self.answers = Counter(
            "duodesk_answers", "Answers: complete, stopped or failed", [*arm, "outcome"], registry=registry
        )
        self.errors = Counter(
            "duodesk_errors", "Failed answers by the kind of error", [*arm, "error"], registry=registry
        )
        self.requests = Counter(
            "duodesk_requests", "Requests by route, method and status", ["route", "method", "status"], registry=registry
        )
        registry.register(self)
        ProcessCollector(registry=registry)
        parts.desk.watch(self.answered)

    def answered(self, answer: Answer, spec: ArmSpec) -> None:
        """Takes an answer in. The arm is what was asked for: one that failed early has no other."""
        arm = spec.name if spec.name in ARM_NAMES else "unknown"
        self.answers.labels(arm, answer.outcome).inc()
        self.total.labels(arm).observe(answer.total_s)
        if answer.first_token_s is not None:
            self.first_token.labels(arm).observe(answer.first_token_s)
        self.read.labels(arm).inc(answer.prompt_tokens)
        self.written.labels(arm).inc(answer.new_tokens)
        if answer.outcome == "failed":
            known = hasattr(core.errors, answer.reason)
            self.errors.labels(arm, answer.reason if known else "bug").inc()

    def collect(self) -> Iterator[Metric]:
        """What is asked for when it is looked at, as prometheus_client calls it."""
        queue = self.parts.model.queue
        yield GaugeMetricFamily("duodesk_queue_waiting", "Answers that wait for the model", queue.waiting)
        yield GaugeMetricFamily("duodesk_queue_writing", "Answers that the model reads for or writes", queue.writing)
        yield GaugeMetricFamily(
            "duodesk_answers_under_way", "Answers asked for and not over", self.parts.desk.under_way
        )
        ready = float(self.parts.model.state == "ready")
        yield GaugeMetricFamily("duodesk_model_ready", "1 once the model is loaded", ready)


class CountedRequests:
    """ASGI middleware that counts the site's requests."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self.app = app
        self.metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        status = 500  # unless a response begins

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        route = route_of(scope["path"])
        method = scope["method"] if scope["method"] in METHODS else "other"
        try:
            await self.app(scope, receive, noted)
        finally:
            self.metrics.requests.labels(route, method, str(status)).inc()


def route_of(path: str) -> str:
    """The route that a path belongs to; all pages, with what they load and send, are one."""
    return next((route for route in ROUTES if path == route or path.startswith(f"{route}/")), "pages")


def add_route(site: FastAPI, parts: Parts) -> None:
    """Counts from now on, and adds /metrics, which takes the same keys as the API."""
    from fastapi import Depends
    from fastapi.responses import Response
    from prometheus_client import CONTENT_TYPE_LATEST

    from app.api.callers import Callers

    metrics = Metrics(parts)
    site.add_middleware(CountedRequests, metrics=metrics)

    @site.exception_handler(DuodeskError)
    def not_available(_: Request, error: DuodeskError) -> Response:
        return Response(str(error), 503, media_type="text/plain")

    @site.get("/metrics", dependencies=[Depends(Callers(parts).caller)])
    def read() -> Response:
        """The figures in Prometheus's text format."""
        return Response(generate_latest(metrics.registry), headers={"Content-Type": CONTENT_TYPE_LATEST})
