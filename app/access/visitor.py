"""Tells browsers apart where nobody signs in."""

from __future__ import annotations

import secrets

OWNER_COOKIE = "duodesk_owner"
FIVE_YEARS_S = 5 * 365 * 24 * 3600


class VisitorCookie:
    """Gives every browser a random identifier, so that chats and ratings can be told apart without a login."""

    def __init__(self, app) -> None:
        self.app = app

    async def __call__(self, scope, receive, send) -> None:
        known = f"{OWNER_COOKIE}=".encode() in dict(scope.get("headers", [])).get(b"cookie", b"")
        if scope["type"] != "http" or known:
            await self.app(scope, receive, send)
            return
        cookie = f"{OWNER_COOKIE}={secrets.token_hex(16)}; Path=/; Max-Age={FIVE_YEARS_S}; HttpOnly; SameSite=Lax"
        if scope["scheme"] == "https":
            cookie += "; Secure"

        async def send_with_cookie(message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", []), (b"set-cookie", cookie.encode())]
            await send(message)

        await self.app(scope, receive, send_with_cookie)
