"""The whole deployment as `launch.py deploy` starts it: Postgres, Chroma, model server, two app processes, nginx."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from openai import AuthenticationError, OpenAI

from core.accounts import TRIES, TRIES_OF_ADDRESS
from core.api_keys import make_key
from core.settings import ROOT, Settings, load_settings
from core.studies import Rating, Study, StudyAnswer, StudyArm, StudyPlan, TestQuestion
from core.types import Answer, Arm, ArmSpec, Decoding, TranscriptFilter, new_id, now
from deploy.plan import CHROMA, MODEL, POSTGRES, Plan
from store import open_store
from store.sql_store import SqlStore

NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
INITDB = shutil.which("initdb") or any(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
ABSENT = "the deployment needs Debian's nginx, postgresql and openssl; install them to run these tests"
pytestmark = pytest.mark.skipif(not (NGINX and INITDB and shutil.which("openssl")), reason=ABSENT)

START_S = 180
PASSWORD = "correct horse battery"
PEOPLE = {"ann": "owner", "rita": "rater", "rolf": "rater", "vera": "visitor"}
ASK = "How long do I have to send a bike back?"


@dataclass
class Deployment:
    plan: Plan
    store: SqlStore
    key: str
    process: subprocess.Popen[str]
    output: Path

    @property
    def url(self) -> str:
        return self.plan.address

    @property
    def apps(self) -> list[str]:
        return [f"http://127.0.0.1:{port}" for port in self.plan.app_ports]

    def page_requests(self) -> list[float]:
        """How many requests for pages each app process has had."""
        pattern = re.compile(r'^duodesk_requests_total\{.*route="pages".*\} (\S+)$', re.MULTILINE)
        texts = (httpx.get(f"{app}/metrics", headers={"Authorization": f"Bearer {self.key}"}).text for app in self.apps)
        return [sum(map(float, pattern.findall(text))) for text in texts]

    def pid(self, app: int) -> int:
        """Of an app process."""
        told = f"--port {self.plan.app_ports[app]}"
        for found in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                if told in found.read_bytes().replace(b"\0", b" ").decode():
                    return int(found.parent.name)
            except (FileNotFoundError, ProcessLookupError):
                continue
        raise AssertionError(f"there is no process with {told}")


class Visitor:
    """A browser without a screen: signs in, opens pages, and sends their events as gradio's own code does."""

    def __init__(self, url: str, name: str) -> None:
        self.http = httpx.Client(base_url=url, timeout=60, verify=False)
        self.session = uuid.uuid4().hex[:12]
        told = self.http.post("/login", data={"name": name, "password": PASSWORD})
        assert told.status_code == 303, told.text
        self.config: dict[str, Any] = {}

    def open(self, path: str) -> None:
        page = self.http.get(path, headers={"accept": "text/html"})
        assert page.status_code == 200, page.text
        found = re.search(r"window\.gradio_config = (\{.*?\});</script>", page.text, re.DOTALL)
        assert found, "the page has no configuration of gradio"
        self.config = json.loads(found[1])

    def event(self, name: str, *data: Any) -> list[Any]:
        """What the handler of this name gives back in the end."""
        known = {re.sub(r"_\d+$", "", str(one["api_name"])): one["id"] for one in self.config["dependencies"][::-1]}
        number = known[name]
        event = {"data": data, "fn_index": number, "session_hash": self.session, "event_data": None, "trigger_id": None}
        joined = self.http.post("/gradio_api/queue/join", json=event)
        assert joined.status_code == 200, joined.text
        with self.http.stream("GET", f"/gradio_api/queue/data?session_hash={self.session}") as stream:
            for line in stream.iter_lines():
                if line.startswith("data:"):
                    told = json.loads(line.removeprefix("data:"))
                    if told["msg"] == "process_completed":
                        assert told["success"], told
                        return list(told["output"]["data"])
        raise AssertionError("the stream ended before the event did")

    def ask(self, text: str, chat: str = "") -> str:
        """Returns the chat's identifier once the answer is complete."""
        *_, chat_id = self.event("send", text, chat, "lora+prompt", "friendly", "velomoor")
        return str(chat_id)


@pytest.fixture(scope="module")
def deployment() -> Iterator[Deployment]:
    home = Path(tempfile.mkdtemp(prefix="duodesk-deploy-"))
    home.chmod(0o755)  # PostgreSQL and nginx run as users of their own when we are root
    prompts = shutil.copytree(ROOT / "prompts", home / "prompts")
    articles = home / "articles"
    articles.mkdir()
    for name in ("homeward-return", "refunds"):
        shutil.copy(ROOT / f"knowledge/articles/{name}.md", articles)
    settings = replace(
        load_settings({}, {}),
        port=_ports(),
        data=str(home / "data"),
        prompts=str(prompts),
        knowledge=str(articles),
        accounts="on",
    )
    certificate, certificate_key, output = home / "certificate.pem", home / "key.pem", home / "output"
    making = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    made = subprocess.run([*making, "-out", str(certificate), "-keyout", str(certificate_key)], capture_output=True)
    assert made.returncode == 0, made.stderr
    plan = Plan(settings, 2, certificate, certificate_key)
    command = [sys.executable, str(ROOT / "launch.py"), "deploy", "--apps", "2"]
    command += ["--certificate", str(certificate), "--certificate-key", str(certificate_key)]
    environ = dict(os.environ)
    for name in ("port", "data", "prompts", "knowledge", "accounts"):
        environ[f"DUODESK_{name.upper()}"] = str(getattr(settings, name))
    with output.open("w") as written:
        process = subprocess.Popen(command, stdout=written, stderr=written, env=environ, text=True)
    try:
        _wait(process, output, "Nobody has an account yet")
        store = open_store(plan.database)
        for name, role in PEOPLE.items():
            store.accounts.add(name, role, PASSWORD)  # type: ignore[arg-type]
        key = make_key(store.api_keys, "tests")
        _wait(process, output, "Duodesk is ready")
        yield Deployment(plan, store, key, process, output)
        store.close()
        process.terminate()
        assert process.wait(60) == 0
        assert output.read_text().endswith("All is stopped.\n")
        assert not [port for port in _all_ports(plan) if _listens(port)], "something goes on after the end"
    finally:
        process.kill()
        shutil.rmtree(home, ignore_errors=True)


def _ports() -> int:
    """A port after which all that follow it are free."""
    for first in range(21000, 60000, 211):
        plan = Plan(Settings(port=first), 2)
        if not any(_listens(port) for port in _all_ports(plan)):
            return first
    raise AssertionError("no ports")


def _all_ports(plan: Plan) -> list[int]:
    first = plan.settings.port
    return [first, *plan.app_ports, first + MODEL, first + CHROMA, first + POSTGRES]


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _wait(process: subprocess.Popen[str], output: Path, told: str) -> None:
    deadline = time.monotonic() + START_S
    while told not in output.read_text():
        assert process.poll() is None and time.monotonic() < deadline, output.read_text()
        time.sleep(0.1)


def eventually(look: Callable[[], bool], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not look():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.1)


def client(deployment: Deployment, key: str = "") -> OpenAI:
    unchecked = httpx.Client(verify=False, timeout=60)
    return OpenAI(base_url=f"{deployment.url}/v1", api_key=key or deployment.key, max_retries=0, http_client=unchecked)


def test_a_chat_goes_through_the_whole_chain(deployment):
    visitor = Visitor(deployment.url, "vera")
    visitor.open("/")
    chat = visitor.ask(ASK)
    [exchange] = deployment.store.exchanges(chat)
    answer = exchange.latest()
    assert (answer.outcome, exchange.chat.owner) == ("complete", "vera")
    assert answer.text and {passage.source for passage in answer.passages} <= {"homeward-return.md", "refunds.md"}
    model = f"duodesk at http://127.0.0.1:{deployment.plan.model_port}/v1"
    assert answer.arm.engine.startswith(f"{model}, model velomoor-")
    visitor.ask("And who pays for that?", chat)
    assert len(deployment.store.history(chat)) == 4


def test_programs_get_their_answers_piece_by_piece_through_nginx(deployment):
    asked = [{"role": "user", "content": ASK}]
    with client(deployment) as api:
        chunks = list(api.chat.completions.create(model="lora+prompt", messages=asked, stream=True))
    assert len([chunk for chunk in chunks if chunk.choices and chunk.choices[0].delta.content]) > 1
    assert httpx.get(f"{deployment.url}/metrics", verify=False).status_code == 404, (
        "the figures of one process are not those of all"
    )


def test_a_browser_stays_with_one_process_and_browsers_are_spread_over_both(deployment):
    for number in range(8):
        before = deployment.page_requests()
        with httpx.Client(
            base_url=deployment.url, verify=False, cookies={"duodesk_owner": f"{number:032x}"}
        ) as browser:
            for _ in range(3):
                assert browser.get("/login").status_code == 200
        gained = sorted(now - then for now, then in zip(deployment.page_requests(), before, strict=True))
        assert gained == [0, 3]
    assert all(count > 0 for count in deployment.page_requests())


def test_a_template_saved_at_one_process_counts_at_the_other(deployment):
    editor = Visitor(deployment.apps[0], "ann")
    editor.open("/prompts")
    editor.event("open")
    yaml = (Path(deployment.plan.settings.prompts) / "friendly.yaml").read_text()
    changed = re.sub(r"(- system: >\n\s+)", r"\1Sing. ", yaml)
    assert changed != yaml
    editor.event("save", None, changed, "sings")
    with OpenAI(base_url=f"{deployment.apps[1]}/v1", api_key=deployment.key, max_retries=0) as api:
        reply = api.chat.completions.create(model="bare", messages=[{"role": "user", "content": ASK}])
    assert reply.duodesk["arm"]["template_version"] == 2
    [found] = [
        exchange
        for exchange in deployment.store.search(TranscriptFilter(chat_id=reply.duodesk["chat_id"]))
        if exchange.question.id == reply.duodesk["question_id"]
    ]
    assert found.latest().prompt[0].text.startswith("Sing. ")


def test_a_revoked_key_is_refused_by_every_process_at_once(deployment):
    key = make_key(deployment.store.api_keys, "leaver")
    for app in deployment.apps:
        assert httpx.get(f"{app}/v1/models", headers={"Authorization": f"Bearer {key}"}).status_code == 200
    deployment.store.api_keys.revoke("leaver", now())
    for app in deployment.apps:
        assert httpx.get(f"{app}/v1/models", headers={"Authorization": f"Bearer {key}"}).status_code == 401
    with client(deployment, key) as api, pytest.raises(AuthenticationError):
        api.models.list()


def test_wrong_passwords_are_counted_over_all_processes_and_by_the_visitors_own_address(deployment):
    deployment.store.accounts.add("lost", "visitor", PASSWORD)
    tries = int(TRIES.split()[0])
    for number in range(tries):
        wrong = {"name": "lost", "password": f"wrong password {number}"}
        assert httpx.post(f"{deployment.apps[number % 2]}/login", data=wrong).status_code == 401
    for app in deployment.apps:
        refused = httpx.post(f"{app}/login", data={"name": "lost", "password": PASSWORD})
        assert (refused.status_code, "wait a quarter of an hour" in refused.text) == (401, True)


def test_tries_are_counted_by_a_visitors_own_address_which_nobody_can_choose(deployment):
    for _ in range(int(TRIES_OF_ADDRESS.split()[0])):
        deployment.store.accounts.limiter.hit(TRIES_OF_ADDRESS, "127.0.0.2")

    def sign_in(address: str, forged: str) -> httpx.Response:
        named = {"x-forwarded-for": forged, "forwarded": f"for={forged}", "x-real-ip": forged}
        with httpx.Client(transport=httpx.HTTPTransport(verify=False, local_address=address)) as browser:
            person = {"name": "ann", "password": PASSWORD}
            return browser.post(f"{deployment.url}/login", data=person, headers=named)

    assert "wait a quarter of an hour" in sign_in("127.0.0.2", forged="6.6.6.6").text
    assert sign_in("127.0.0.1", forged="127.0.0.2").status_code == 303


def test_cookies_are_for_https_alone(deployment):
    visitor = Visitor(deployment.url, "vera")
    cookies = {cookie.name: cookie.secure for cookie in visitor.http.cookies.jar}
    assert cookies == {"duodesk_owner": True, "duodesk_session": True}


def test_a_pair_that_one_process_has_given_out_is_not_given_out_by_the_other(deployment):
    study = _study(deployment.store, pairs=2)
    shown = []
    for app, rater in zip(deployment.apps * 2, ("rita", "rolf", "rita", "rolf"), strict=True):
        visitor = Visitor(app, rater)
        visitor.open(f"/rate?study={study}")
        _, task, pair, *_ = visitor.event("arrive")
        shown.append((rater, task, re.search(r"Where is parcel \d\?", json.dumps(pair))[0]))
    by_rater = {rater: {pair for who, _, pair in shown if who == rater} for rater in ("rita", "rolf")}
    assert by_rater["rita"].isdisjoint(by_rater["rolf"])
    assert [len(pairs) for pairs in by_rater.values()] == [1, 1], "a rater has one pair at a time"


def test_when_one_process_is_killed_its_visitors_go_on_at_the_other_and_it_comes_back(deployment):
    visitors = [Visitor(deployment.url, "vera") for _ in range(4)]
    chats = []
    for visitor in visitors:
        visitor.open("/")
        chats.append(visitor.ask(ASK))
    os.kill(deployment.pid(0), signal.SIGKILL)
    eventually(lambda: not _listens(deployment.plan.app_ports[0]))  # what it had been sent before is not sent again
    for visitor, chat in zip(visitors, chats, strict=True):
        assert visitor.ask("And who pays for that?", chat) == chat
        assert len(deployment.store.history(chat)) == 4
        assert visitor.http.get("/", headers={"accept": "text/html"}).status_code == 200
    with client(deployment) as api:
        for _ in range(4):
            assert api.models.list().data
    eventually(lambda: "app-1 ended with code -9; it is started again." in deployment.output.read_text())
    eventually(lambda: _healthy(deployment.apps[0]), 60)


def _healthy(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health").status_code == 200
    except httpx.TransportError:
        return False


def _study(store: SqlStore, pairs: int) -> str:
    """A study of which all is answered and nothing rated."""
    bare = Arm("bare", "base", "m1", "plain", 1, "t1", Decoding())
    both = replace(bare, name="lora+prompt", adapter="a", adapter_hash="h")
    arms = (StudyArm("bare", ArmSpec("bare", "plain")), StudyArm("both", ArmSpec("lora+prompt", "plain", "a")))
    plan = StudyPlan(name="parcels", questions="here", arms=arms, decides=("both", "bare"))
    questions = tuple(
        TestQuestion(f"q{n}", "post", "post.md", "plain", f"Where is parcel {n}?", (("2 days",),), (), "Here.")
        for n in range(pairs)
    )
    study = Study(new_id(), plan, questions, {"bare": bare, "both": both})
    store.studies.add(study, [Rating(new_id(), study.id, one.id, "bare", "both") for one in questions])
    for name, arm in study.arms.items():
        for one in questions:
            answer = Answer(new_id(), one.id, arm=arm, text=f"{one.id} by {name}", outcome="complete")
            store.studies.add_answer(StudyAnswer(study.id, name, answer))
    return study.id
