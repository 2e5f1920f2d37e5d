"""Where the web server can listen, on addresses of both kinds."""

from __future__ import annotations

import socket

import pytest

from core.errors import SettingsError
from core.ports import free_port, in_url
from deploy.program import listens

HOSTS = ("127.0.0.1", "::1", "localhost", "0.0.0.0", "::")


def taken(host: str) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, 0), family=family)
    except OSError as error:
        pytest.skip(f"this machine has no {host}: {error}")


@pytest.mark.parametrize("host", HOSTS)
def test_a_taken_port_is_seen_and_the_next_one_used(host):
    with taken(host) as server:
        port = server.getsockname()[1]
        assert listens(host, port)
        assert port < free_port(host, port) <= port + 49
    assert free_port(host, port) == port
    assert not listens(host, port)


@pytest.mark.parametrize("host", ["192.0.2.1", "256.1.1.1", "2001:db8::1"])
def test_a_host_that_is_not_here_is_named(host):
    with pytest.raises(SettingsError, match=f"cannot listen on '{host}' .* set `host`"):
        free_port(host, 7860)


def test_an_address_of_ipv6_is_bracketed_before_its_port():
    assert (in_url("::1"), in_url("localhost"), in_url("10.0.0.1")) == ("[::1]", "localhost", "10.0.0.1")
