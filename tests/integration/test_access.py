"""Who may open what: every address of the site and every event of its pages is tried as each role."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from starlette.routing import Mount
from starlette.testclient import TestClient

from app.access.gate import Gate
from core.accounts import ROLES, TRIES, Accounts
from core.errors import AccountError, SettingsError, SignInError, StoreError
from core.settings import Settings
from core.types import now
from launch import check_accounts, compose
from store import open_store

PAGES = {
    "/": "visitor",
    "/compare": "rater",
    "/rate": "rater",
    "/study": "editor",
    "/adapters": "editor",
    "/prompts": "editor",
    "/transcripts": "editor",
}
# What the pages' own traffic needs; everything else that gradio brings is closed to everybody.
TRAFFIC = {
    "/gradio_api/queue/join": "visitor",
    "/gradio_api/queue/data": "visitor",
    "/gradio_api/cancel": "visitor",
    "/gradio_api/heartbeat/{session_hash}": "visitor",
    "/gradio_api/startup-events": "visitor",
    "/gradio_api/app_id": "visitor",
    "/gradio_api/user": "visitor",
    "/gradio_api/login_check": "visitor",
    "/source/{source:path}": "visitor",
    "/gradio_api/file={path_or_url:path}": "editor",
    "/gradio_api/upload": "editor",
    "/gradio_api/upload_progress": "editor",
}
OPEN = {"/login", "/logout", "/health", "/favicon.ico", "/robots.txt", "/theme.css", "/gradio_api/theme.css"}
OPEN |= {"/manifest.json", "/v1/openapi.json", "/openapi.json"}
OPEN_UNDER = ("/assets/", "/static/", "/svelte/")
KEYED = ("/v1/", "/metrics")  # programs come with a key: an account is none
HTML = {"accept": "text/html"}
PASSWORD = "correct horse battery"
LET_IN = 204
ADDRESSES = 108  # that the walk saw when it was written; docs/access.md says what came of it


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    from app.site import build_site

    data = tmp_path_factory.mktemp("access")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("GRADIO_TEMP_DIR", str(data / "uploads"))
        parts = compose(Settings(data=str(data), accounts="on", knowledge=""))
        for role in ROLES:
            parts.accounts.add(f"the-{role}", role, PASSWORD)
        yield build_site(parts)
    parts.store.close()


@pytest.fixture(scope="module")
def clients(site) -> dict[str, TestClient]:
    """One browser for each role, and one of somebody who is not signed in ('')."""
    found = {"": TestClient(site, base_url="https://desk.test", follow_redirects=False)}
    for role in ROLES:
        found[role] = TestClient(site, base_url="https://desk.test", follow_redirects=False)
        assert found[role].post("/login", data={"name": f"the-{role}", "password": PASSWORD}).status_code == 303
    return found


def blocks_of(site):
    mounted = (route.app for route in site.routes if isinstance(route, Mount))
    return next(app for app in mounted if hasattr(app, "get_blocks")).get_blocks()


def addresses(site) -> set[tuple[str, str]]:
    """Every method and path that the site, gradio's own application and the API know."""
    found: set[tuple[str, str]] = set()
    waiting = [("", route) for route in site.routes]
    while waiting:
        before, route = waiting.pop()
        inner = route.app if isinstance(route, Mount) else getattr(route, "original_router", None)
        if inner:
            waiting += [(before + (route.path if isinstance(route, Mount) else ""), one) for one in inner.routes]
        found |= {(method, before + route.path) for method in getattr(route, "methods", None) or ()}
    for known in (("POST", "/gradio_api/queue/join"), ("POST", "/v1/chat/completions")):
        assert known in found, f"the walk does not see {known} any more"
    return found


def test_each_page_opens_for_its_role_and_those_above_and_asks_others_to_sign_in(clients):
    for path, needed in PAGES.items():
        assert clients[""].get(path, headers=HTML).headers["location"].startswith("/login?to=")
        for role in ROLES:
            opened = clients[role].get(path, headers=HTML).status_code
            assert opened == (200 if ROLES.index(role) >= ROLES.index(needed) else 403), (path, role)


def test_no_page_can_be_had_by_another_address(clients):
    for way in ("/?page=prompts", "/config?page=prompts", "/?deep_link=abc", "/?page=nowhere", "/prompts/?page=x"):
        assert clients["visitor"].get(way, headers=HTML).status_code in (403, 404), way
    assert clients["owner"].get("/config", headers=HTML).status_code == 404


@pytest.fixture(scope="module")
def gated(site, clients) -> dict[str, TestClient]:
    """The same browsers at the site's own gate, with nothing behind it: some of what it lets through never ends."""

    async def let_in(scope, receive, send):
        await send({"type": "http.response.start", "status": LET_IN, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    (gate,) = (one for one in site.user_middleware if one.cls is Gate)
    app = Gate(let_in, *gate.args, **gate.kwargs)
    found = {role: TestClient(app, base_url="https://desk.test", cookies=one.cookies) for role, one in clients.items()}
    return found


def may_open(role: str, path: str) -> bool:
    """What the tables above say."""
    if path in OPEN or path.startswith(OPEN_UNDER):
        return True
    needed = (PAGES | TRAFFIC).get(path.rstrip("/") or "/")
    return bool(role and needed) and ROLES.index(role) >= ROLES.index(needed)


def test_every_address_of_the_site_is_walked_as_each_role(site, clients, gated):
    """Whoever may not open an address is refused by the whole site; whoever may comes through its gate."""
    walked, allowed, refused = addresses(site), 0, 0
    for method, path in sorted(walked):
        for role in clients:
            who = role or "nobody"
            address = re.sub(r"\{path_or_url:path\}", "/tmp/gradio/x", path)
            address = re.sub(r"\{[^}]*\}", who, address)
            message = {"session_hash": who, "fn_index": 0, "event_id": "x", "data": []}
            at_gate = gated[role].request(method, address, json=message, params={"session_hash": who})
            if may_open(role, path):
                assert at_gate.status_code == LET_IN, (method, path, role)
                allowed += 1
                continue
            keyed = path.startswith(KEYED)
            expected = (401,) if keyed or not role else (403, 404, 405)
            assert keyed or at_gate.status_code in expected, (method, path, role)
            status = clients[role].request(method, address, json=message).status_code
            assert status in expected, (method, path, role, status)
            refused += 1
    print(f"{len(walked)} addresses x {len(clients)} kinds of visitor: {allowed} allowed, {refused} refused")
    assert len(walked) >= ADDRESSES, "the walk does not see all that it has seen before"
    assert allowed + refused == len(walked) * len(clients)


def test_every_event_of_a_page_runs_for_those_who_may_open_the_page_and_nobody_else(site, clients):
    for number, event in blocks_of(site).fns.items():
        needed = PAGES[f"/{event.page}"]
        message = {"session_hash": "none-such", "fn_index": number, "data": []}
        for role, client in clients.items():
            status = client.post("/gradio_api/queue/join", json={**message, "session_hash": f"s{role}"}).status_code
            if role == "":
                assert status == 401
            elif ROLES.index(role) < ROLES.index(needed):
                assert status == 403, (event.page, number, role)
            else:
                assert status in (200, 503), (event.page, number, role)  # let in, whether or not the queue runs here
    message = {"session_hash": "s", "fn_index": 100_000, "data": []}
    assert clients["owner"].post("/gradio_api/queue/join", json=message).status_code == 403


def test_a_session_of_gradio_belongs_to_who_named_it_first(clients):
    message = {"session_hash": "mine", "fn_index": 0, "data": []}
    assert clients["rater"].post("/gradio_api/queue/join", json=message).status_code != 403
    assert clients["visitor"].post("/gradio_api/queue/join", json=message).status_code == 403
    assert clients["visitor"].get("/gradio_api/queue/data?session_hash=mine").status_code == 403
    assert clients["visitor"].get("/gradio_api/heartbeat/mine").status_code == 403
    body = {"session_hash": "mine", "fn_index": 0, "event_id": "x"}
    assert clients["visitor"].post("/gradio_api/cancel", json=body).status_code == 403


def test_files_of_the_machine_cannot_be_read(clients):
    for path in ("/etc/passwd", "/proc/self/environ", "../../etc/passwd", "duodesk.toml", "http://127.0.0.1:1/"):
        assert clients["owner"].get(f"/gradio_api/file={path}").status_code in (403, 404), path
    assert clients["visitor"].get("/source/..%2F..%2Fetc%2Fpasswd").status_code == 404


def test_only_editors_upload_and_only_they_read_what_lies_with_the_uploads(clients):
    """Exports lie there too: whoever else knows the very name of a file is refused."""
    folder = Path(os.environ["GRADIO_TEMP_DIR"])
    export = folder / "abcd1234" / "transcripts.csv"
    export.parent.mkdir(parents=True)
    export.write_text("of the owner")
    for role in ("editor", "owner"):
        sent = clients[role].post("/gradio_api/upload", files={"files": ("past.csv", b"of an editor")})
        assert sent.status_code == 200
        [uploaded] = sent.json()
        for path, content in ((uploaded, "of an editor"), (export, "of the owner")):
            read = clients[role].get(f"/gradio_api/file={path}")
            assert (read.status_code, read.text) == (200, content)
    for role, status in (("rater", 403), ("visitor", 403), ("", 401)):
        sent = clients[role].post("/gradio_api/upload", files={"files": ("mine.csv", b"mine")})
        asked = [clients[role].get(f"/gradio_api/file={path}") for path in (uploaded, export)]
        asked += [clients[role].head(f"/gradio_api/file={uploaded}")]
        asked += [clients[role].get("/gradio_api/upload_progress?upload_id=x")]
        assert [one.status_code for one in (sent, *asked)] == [status] * 5, role
    assert not [file for file in folder.rglob("*") if file.is_file() and file.read_bytes() == b"mine"]


@pytest.mark.parametrize("role", ["visitor", "rater"])
def test_no_page_of_those_who_may_not_read_files_needs_one(clients, role):
    pages = [path for path in PAGES if may_open(role, path)]
    assert pages
    for path in pages:
        assert "gradio_api/file=" not in clients[role].get(path, headers=HTML).text, path


def test_the_server_fetches_nothing_from_other_servers_for_anybody(clients, monkeypatch):
    def fetched(*_, **__):
        raise AssertionError("gradio went out to fetch")

    monkeypatch.setattr("gradio.routes.secure_url_stream_response", fetched)
    for address in ("http://example.org/x", "https://example.org/x", "HTTPS://example.org/x", "ftp://example.org/x"):
        for way in ("file=", "file/", "proxy="):
            assert clients["owner"].get(f"/gradio_api/{way}{address}").status_code in (403, 404), (way, address)


def test_what_is_open_to_everybody_holds_nothing_of_anybody(site, clients):
    ways = [
        path for method, path in addresses(site) if method == "GET" and (path in OPEN or path.startswith(OPEN_UNDER))
    ]
    assert len(ways) >= 12
    climbing = "..%2F..%2F..%2F..%2F..%2F..%2Fetc%2Fpasswd"
    for path in ways:
        for filled in ("x", climbing, "%2Fetc%2Fpasswd"):
            said = clients[""].get(re.sub(r"\{[^}]*\}", filled, path))
            assert said.status_code != 401, path
            assert not [name for name in ("root:", "the-owner", "the-visitor", PASSWORD) if name in said.text], path


def test_pages_load_nothing_from_other_servers_whatever_an_answer_holds(clients):
    for client, path in ((clients["visitor"], "/"), (clients[""], "/login"), (clients["owner"], "/transcripts")):
        [policy] = client.get(path, headers=HTML).headers.get_list("content-security-policy")
        allowed = dict(rule.split(" ", 1) for rule in policy.split("; "))
        assert not [source for source in " ".join(allowed.values()).split() if "*" in source or "http" in source]
        assert allowed["default-src"].split()[0] == "'self'" and "img-src" not in allowed


def test_a_request_from_another_site_changes_nothing(clients):
    message = {"session_hash": "x", "fn_index": 0, "data": []}
    for headers in ({"origin": "https://evil.test"}, {"sec-fetch-site": "cross-site"}, {"origin": "null"}):
        for path in ("/gradio_api/queue/join", "/login", "/logout"):
            assert clients["owner"].post(path, json=message, headers=headers).status_code == 403


def test_without_accounts_only_names_of_this_machine_are_answered(tmp_path):
    from app.site import build_site

    parts = compose(Settings(data=str(tmp_path), knowledge=""))
    with closing(parts.store):
        site = build_site(parts)
        assert TestClient(site, base_url="http://127.0.0.1:7860").get("/robots.txt").status_code == 200
        assert TestClient(site, base_url="http://desk.evil.test").get("/robots.txt").status_code == 421


def test_another_address_than_this_machine_is_not_served_without_an_account(tmp_path):
    parts = compose(Settings(data=str(tmp_path), knowledge="", host="0.0.0.0"))
    with closing(parts.store):
        with pytest.raises(SettingsError, match="users add NAME owner"):
            check_accounts(parts)
        parts.accounts.add("ann", "owner", PASSWORD)
        check_accounts(parts)
    parts = compose(Settings(data=str(tmp_path / "other"), knowledge="", host="0.0.0.0", accounts="insecure"))
    with closing(parts.store):
        check_accounts(parts)


@pytest.fixture
def accounts(store_url: str) -> Iterator[Accounts]:
    with closing(open_store(store_url)) as store:
        store.accounts.add("ann", "editor", PASSWORD)
        yield store.accounts


def test_a_session_ends_with_sign_out_a_new_password_another_role_and_the_account(accounts: Accounts):
    def signed_in() -> str:
        return accounts.sign_in("ann", PASSWORD, "1.2.3.4")

    token = signed_in()
    found = accounts.who(token)
    assert found is not None and (found.name, found.role) == ("ann", "editor")
    accounts.sign_out(token)
    assert accounts.who(token) is None and accounts.who("") is None and accounts.who("made up") is None
    token = signed_in()
    accounts.store.change_account("ann", role="rater")
    assert accounts.who(token) is None
    token = signed_in()
    accounts.set_password("ann", PASSWORD)
    assert accounts.who(token) is None
    token = signed_in()
    accounts.store.remove_account("ann")
    assert accounts.who(token) is None


def test_a_session_ends_by_itself(accounts: Accounts):
    accounts.store.open_session("digest", "ann", now() + timedelta(seconds=60))
    assert accounts.store.session("digest", now())
    assert accounts.store.session("digest", now() + timedelta(seconds=61)) is None


def test_wrong_passwords_lock_an_account_in_every_process(accounts: Accounts, store_url: str):
    with closing(open_store(store_url)) as elsewhere:
        for process in [accounts, elsewhere.accounts, accounts, elsewhere.accounts, accounts]:
            with pytest.raises(SignInError, match="name or the password"):
                process.sign_in("ann", "wrong password", "1.2.3.4")
        with pytest.raises(SignInError, match="quarter of an hour"):
            elsewhere.accounts.sign_in("ann", PASSWORD, "1.2.3.4")
        accounts.limiter.clear(TRIES, "ann")
        assert elsewhere.accounts.sign_in("ann", PASSWORD, "1.2.3.4")


def test_an_unknown_name_is_told_like_a_wrong_password(accounts: Accounts):
    with pytest.raises(SignInError) as unknown:
        accounts.sign_in("nobody", PASSWORD, "1.2.3.4")
    with pytest.raises(SignInError) as wrong:
        accounts.sign_in("ann", "wrong password", "1.2.3.4")
    assert str(unknown.value) == str(wrong.value)


def test_weak_passwords_bad_and_taken_names_are_refused(accounts: Accounts):
    for name, password in (
        ("bob", "short"),
        ("bob", "xxbobxxxxxxxx"),
        ("a/b", PASSWORD),
        ("", PASSWORD),
        ("ann", PASSWORD),
    ):
        with pytest.raises(AccountError):
            accounts.add(name, "rater", password)


def test_passwords_are_kept_as_argon2_hashes_and_sessions_as_digests(accounts: Accounts):
    token = accounts.sign_in("ann", PASSWORD, "1.2.3.4")
    account = accounts.store.account("ann")
    assert account is not None and account.password_hash.startswith("$argon2id$")
    assert accounts.store.session(token, now()) is None  # the token itself is nowhere
    assert PASSWORD not in repr(account) and account.password_hash not in repr(account)


def test_while_the_database_is_gone_everybody_reads_so_in_a_sentence_that_names_no_server(clients, monkeypatch):
    def gone(*_):
        raise StoreError("The database duodesk on 10.0.0.7 cannot be reached.")

    with monkeypatch.context() as broken:
        broken.setattr("store.account_store.SqlAccountStore.session", gone)
        broken.setattr("store.account_store.SqlLimiter.hit", gone)
        page = clients["owner"].get("/", headers=HTML)
        traffic = clients["owner"].get("/gradio_api/app_id")
        form = clients[""].post("/login", data={"name": "the-owner", "password": PASSWORD})
    for answer in (page, traffic, form):
        assert answer.status_code == 503
        assert "cannot reach its database at this moment; try again" in answer.text
        assert "10.0.0.7" not in answer.text
    assert clients["owner"].get("/", headers=HTML).status_code == 200, "nobody was signed out by it"
