"""A start as a person sees it: something at once, then the pages; an error or Ctrl+C ends it at any moment."""

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager

import pytest

from tests.integration.tiny_models import ROOT, make_adapter, make_model

PATIENCE_S = 120


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("start")
    base = make_model(folder / "tiny", context=1024)
    make_adapter(folder / "adapters/velomoor", base)
    return folder


@contextmanager
def started(folder, **environ):
    """`launch.py` serving on a free port; ended at the end if it has not ended by itself."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    given = {
        "DUODESK_PORT": str(port),
        "DUODESK_DATA": str(folder / "data"),
        "DUODESK_MODEL": str(folder / "tiny"),
        "DUODESK_ADAPTERS": str(folder / "adapters"),
        "DUODESK_KNOWLEDGE": "",
    }
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "launch.py")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | given | environ,
    )
    try:
        yield process, port
    finally:
        process.kill()
        process.wait()


def get(port, path="/"):
    """Status, headers and body, once something listens."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
        try:
            connection.request("GET", path, headers={"Accept": "text/html"})
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read().decode()
        except ConnectionError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)
        finally:
            connection.close()


def wait_for(port, status, path="/"):
    deadline = time.monotonic() + PATIENCE_S
    while (answer := get(port, path))[0] != status:
        assert time.monotonic() < deadline, answer
        time.sleep(0.1)
    return answer


def interrupt(process):
    process.send_signal(signal.SIGINT)
    said, complained = process.communicate(timeout=30)
    assert process.returncode == 130
    assert complained.rstrip().splitlines()[-1] == "Stopped."
    assert "Traceback" not in complained
    assert "Cancel" not in complained
    return said


def test_a_waiting_page_comes_first_then_the_pages_then_the_model(folder):
    with started(folder) as (process, port):
        status, headers, page = get(port)
        assert (status, headers["Retry-After"]) == (503, "1")
        assert "Duodesk is starting" in page
        _, headers, page = wait_for(port, 200)
        assert "gradio_config" in page
        assert "Retry-After" not in headers
        assert wait_for(port, 200, "/health")[2] == '{"model":"ready"}'
        said = interrupt(process)
    assert said.index("is starting on http") < said.index("is ready: http")


def test_ctrl_c_ends_a_start_that_is_not_over(folder):
    with started(folder) as (process, port):
        assert get(port)[0] == 503
        assert "is ready" not in interrupt(process)


def test_ctrl_c_does_not_wait_for_open_pages(folder):
    with started(folder) as (process, port):
        wait_for(port, 200)
        with socket.create_connection(("127.0.0.1", port)) as page:
            page.sendall(b"GET /gradio_api/heartbeat/somebody HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert b"200 OK" in page.recv(1000)
            interrupt(process)


@pytest.mark.parametrize(
    ("environ", "says"),
    [
        ({"DUODESK_DATA": "/dev/null/data"}, "cannot be written"),
        ({"DUODESK_DATABASE": "postgresql://127.0.0.1:1/none"}, "127.0.0.1"),
        ({"DUODESK_HOST": "192.0.2.1"}, "cannot listen on '192.0.2.1'"),
    ],
)
def test_what_makes_a_start_impossible_is_one_sentence(folder, environ, says):
    with started(folder, **environ) as (process, _):
        said, complained = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 1
    assert says in complained
    assert len(complained.strip().splitlines()) == 1
    assert "is ready" not in said
