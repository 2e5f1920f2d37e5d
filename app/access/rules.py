"""What each address of the site takes: which role, or that it is not served at all.

Nothing is served that is not named here: gradio brings addresses (its API, run history, monitoring, proxies) that no
page needs.
"""

from __future__ import annotations

from core.accounts import Role

PAGES: dict[str, Role] = {
    "": "visitor",
    "compare": "rater",
    "rate": "rater",
    "study": "editor",
    "adapters": "editor",
    "prompts": "editor",
    "transcripts": "editor",
}
GRADIO = "/gradio_api/"
# What browsers load before and after anybody has signed in; none of it holds anything of a customer.
OPEN_PREFIXES = ("/assets/", "/static/", "/svelte/")
OPEN = {
    "/favicon.ico",
    "/theme.css",
    "/gradio_api/theme.css",
    "/manifest.json",
    "/robots.txt",
    "/health",
    "/login",
    "/logout",
}
# The pages' own traffic. What an event does is asked of its page, see Gate; the session is the browser's own.
EVENTS = {"queue/join"}
SESSION = {"queue/data", "cancel"}
BODIES = {"queue/join", "cancel"}  # those that name the session in their body
SESSION_PREFIXES = ("heartbeat/",)
ANYBODY = {"startup-events", "app_id", "user", "login_check"}


def role_of_page(path: str, page: str | None) -> Role | None:
    """What a page takes, None when there is no such page. `page` is the query that asks '/' for another one."""
    return PAGES.get(page if page is not None and path in ("/", "/config") else path.strip("/"))


def role_of_address(path: str) -> Role | None:
    """What an address beside the pages takes, None when it is not served."""
    if path.startswith("/source/"):
        return "visitor"
    if not path.startswith(GRADIO):
        return None
    rest = path.removeprefix(GRADIO).rstrip("/")
    if rest in ANYBODY | SESSION | EVENTS or rest.startswith(SESSION_PREFIXES):
        return "visitor"
    # Uploads and exports lie in one folder for a day, which gradio serves to whoever knows a name: only editors' pages
    # have either. Given an address of another server instead of a path, gradio would fetch it.
    if rest in ("upload", "upload_progress") or rest.startswith("file=/"):
        return "editor"
    return None


def is_open(path: str) -> bool:
    """Whether an address needs nobody to be signed in."""
    return path in OPEN or path.startswith(OPEN_PREFIXES)
