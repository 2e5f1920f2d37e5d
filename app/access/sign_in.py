"""The sign-in page: a form without scripts, and the way out."""

from __future__ import annotations

import html
from urllib.parse import quote

from fastapi import FastAPI, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from app.access.gate import COOKIE, not_now
from core.accounts import SESSION_HOURS, Accounts
from core.errors import SignInError, StoreError

PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>Sign in · Duodesk</title><style>
:root {{ color-scheme: light dark; --accent: #0f766e; }}
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 22rem; margin: 12vh auto; padding: 0 1rem; }}
label {{ display: block; margin: 1rem 0 .25rem; }}
input, button {{ font: inherit; width: 100%; box-sizing: border-box; padding: .6rem .7rem; border-radius: .5rem;
  border: 1px solid #8888; }}
button {{ margin-top: 1.5rem; background: var(--accent); color: white; border: 0; cursor: pointer; }}
input:focus-visible, button:focus-visible {{ outline: 3px solid #5eead4; outline-offset: 1px; }}
.problem {{ color: #b91c1c; background: #fef2f2; padding: .6rem .7rem; border-radius: .5rem; }}
</style></head><body><h1>Duodesk</h1><p>for {company}</p>{problem}
<form method="post" action="/login"><input type="hidden" name="to" value="{to}">
<label for="name">Name</label>
<input id="name" name="name" autocomplete="username" required autofocus maxlength="64" value="{name}">
<label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password" required maxlength="1024">
<button>Sign in</button></form></body></html>"""


def add_sign_in(site: FastAPI, accounts: Accounts, company: str) -> None:
    """Adds /login and /logout to the site."""

    def page(to: str, problem: str = "", name: str = "", status: int = 200) -> HTMLResponse:
        told = f'<p class="problem" role="alert">{html.escape(problem)}</p>' if problem else ""
        filled = {"company": company, "to": to, "name": name}
        shown = PAGE.format(problem=told, **{key: html.escape(value) for key, value in filled.items()})
        return HTMLResponse(shown, status_code=status, headers={"cache-control": "no-store", "x-frame-options": "DENY"})

    @site.get("/login")
    def form(to: str = "/") -> HTMLResponse:
        return page(_within(to))

    @site.post("/login")
    def sign_in(request: Request, name: str = Form(""), password: str = Form(""), to: str = Form("/")) -> Response:
        address = request.client.host if request.client else ""
        try:
            token = accounts.sign_in(name, password, address)
        except SignInError as error:
            return page(_within(to), str(error), name, status=401)
        except StoreError as error:
            return page(_within(to), not_now(error), name, status=503)
        response = RedirectResponse(_within(to), status_code=303)
        response.set_cookie(
            COOKIE,
            token,
            max_age=SESSION_HOURS * 3600,
            httponly=True,
            samesite="lax",
            secure=request.url.scheme == "https",
        )
        return response

    @site.post("/logout")
    def sign_out(request: Request) -> Response:
        accounts.sign_out(request.cookies.get(COOKIE, ""))
        response = RedirectResponse("/login", status_code=303)
        response.delete_cookie(COOKIE)
        return response


def _within(to: str) -> str:
    """An address of this site, whatever was asked for: no way to another site."""
    if not to.startswith("/") or to.startswith(("//", "/\\")):
        return "/"
    return quote(to, safe="/?=&%+-._~")
