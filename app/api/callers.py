"""Who calls: by which key, what it allows, and how often."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.requests import Request

from app.api.errors import ApiError
from core.api_keys import ApiKey, known_key
from core.parts import Parts
from core.settings import LOOPBACK

FORWARDED = ("forwarded", "x-forwarded-for", "x-real-ip")
BEARER = HTTPBearer(auto_error=False, description="A key of `launch.py keys make`.")
Given = Annotated[HTTPAuthorizationCredentials | None, Depends(BEARER)]
ASK = {"WWW-Authenticate": "Bearer"}


@dataclass(frozen=True)
class Caller:
    """A caller who was let in; `key` is None where no key is needed."""

    key: ApiKey | None

    def owner(self, user: str | None) -> str:
        """Whose chats these are: the key's, and within it the user's that the caller names, of whom only a digest is
        kept."""
        names = ["api", *([self.key.name] if self.key else [])]
        return ":".join([*names, *([hashlib.sha256(user.encode()).hexdigest()[:16]] if user else [])])

    def may_ask(self, model: str) -> bool:
        return self.key is None or self.key.allows(model)

    def check(self, model: str) -> None:
        """Raises ApiError when the key does not allow this model, in the words of one that is not there."""
        if not self.may_ask(model):
            raise ApiError(
                404, f"There is no model '{model[:200]}', or your key does not allow it.", "model", "model_not_found"
            )


class Callers:
    """Lets in those with a key. Without one only this machine's own programs, and only until the first key is made."""

    def __init__(self, parts: Parts) -> None:
        self.keys = parts.store.api_keys
        self.limiter = parts.accounts.limiter
        self.most = parts.settings.requests_per_minute
        self.on_loopback = parts.settings.host in LOOPBACK and not parts.settings.signs_in

    def caller(self, request: Request, given: Given = None) -> Caller:
        """Who calls. Raises ApiError 401, and 429 for a key that has made too many requests."""
        key = known_key(self.keys, given.credentials) if given else None
        if key:
            self._count(key)
            return Caller(key)
        if self.on_loopback and _from_here(request) and not self.keys.exist():
            return Caller(None)
        if given:
            raise ApiError(
                401, "This API key is not in force; ask for another one.", code="invalid_api_key", headers=ASK
            )
        raise ApiError(
            401,
            "An API key is needed: send `Authorization: Bearer KEY`. `python3 launch.py keys make NAME` makes one.",
            code="missing_api_key",
            headers=ASK,
        )

    def _count(self, key: ApiKey) -> None:
        """Counts a request, for all processes together. Raises ApiError 429."""
        limit, name = f"{self.most} per minute", f"key {key.id}"
        if not self.most or self.limiter.hit(limit, name):
            return
        wait = self.limiter.wait(limit, name)
        raise ApiError(
            429,
            f"The key '{key.name}' made more than {self.most:,} requests in a minute; try again in {wait} seconds.",
            code="rate_limit_exceeded",
            headers={"Retry-After": str(wait)},
        )


def _from_here(request: Request) -> bool:
    """Whether a program on this machine calls: not through a proxy, which may pass on anybody, and not by a name that
    somebody else points to this machine (DNS rebinding)."""
    by_proxy = any(name in request.headers for name in FORWARDED)
    return not by_proxy and request.url.hostname in LOOPBACK and request.client is not None
