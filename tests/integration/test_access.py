"""Who may open what: every address of the site and every event of its pages is tried as each role."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta

import pytest
from starlette.routing import Mount
from starlette.testclient import TestClient

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
# What a page's own traffic needs; everything else that gradio brings is closed to everybody.
TRAFFIC = {
    "/gradio_api/queue/join",
    "/gradio_api/queue/data",
    "/gradio_api/cancel",
    "/gradio_api/heartbeat/{session_hash}",
    "/gradio_api/startup-events",
    "/gradio_api/app_id",
    "/gradio_api/user",
    "/gradio_api/login_check",
    "/gradio_api/file={path_or_url:path}",
    "/gradio_api/upload",
    "/gradio_api/upload_progress",
}
OPEN = ("/assets/", "/static/", "/svelte/", "/login", "/logout", "/health", "/favicon.ico", "/robots.txt")
OPEN += ("/theme.css", "/gradio_api/theme.css", "/manifest.json")
HTML = {"accept": "text/html"}
PASSWORD = "correct horse battery"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    from app.site import build_site

    data = tmp_path_factory.mktemp("access")
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


def test_every_address_of_the_site_is_closed_unless_a_page_needs_it(site, clients):
    tried = 0
    known = {path.rstrip("/") for path in TRAFFIC}
    for method, path in sorted(addresses(site)):
        if (path.rstrip("/") or "/") in PAGES or path.startswith(OPEN) or path.startswith("/source/"):
            continue
        address = re.sub(r"\{[^}]*\}", "x", path)
        for role, client in clients.items():
            if role and path.rstrip("/") in known:
                continue  # some of it streams without end; the tests below try it
            status = client.request(method, address).status_code
            tried += 1
            if path.endswith("/openapi.json") and path.startswith(("/v1", "/openapi")):
                assert status == 200
            elif role == "" or path.startswith(("/v1/", "/metrics")):  # an account is no key
                assert status == 401, (method, path, role)
            else:
                assert status in (403, 404, 405), (method, path, role, status)
    print(f"{tried} requests: {len(addresses(site))} addresses as {len(clients)} kinds of visitor")
    assert tried > 250


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
