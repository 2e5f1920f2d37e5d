"""API keys: shown once, stored hashed, refused as soon as they are revoked."""

import argparse
from dataclasses import replace
from datetime import timedelta

import pytest

from app.api.keys_command import add_key_arguments, run_keys
from core.api_keys import PREFIX, ApiKey, known_key, make_key
from core.errors import ApiKeyError
from core.types import now
from store import open_store


@pytest.fixture
def keys(store):
    return store.api_keys


def command(keys, *words):
    parser = argparse.ArgumentParser()
    add_key_arguments(parser, argparse.ArgumentParser(add_help=False))
    return run_keys(keys, parser.parse_args(words))


def test_a_key_is_known_again_and_nothing_else_is(keys):
    secret = make_key(keys, "shop")
    assert secret.startswith(PREFIX)
    assert len(secret) > 40
    assert known_key(keys, secret).name == "shop"
    for wrong in ("", secret[:-1], secret + "x", secret.upper(), "duo-", "\ud800", keys.all()[0].digest):
        assert known_key(keys, wrong) is None


def test_the_database_does_not_hold_the_key(keys, tmp_path):
    secret = make_key(keys, "shop")
    stored = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert secret[:10].encode() in stored, "the beginning is kept for lists"
    assert secret[:14].encode() not in stored


def test_two_keys_are_never_alike(keys):
    assert len({make_key(keys, f"key{number}") for number in range(20)}) == 20


def test_a_revoked_key_is_refused_at_once_by_every_process(keys, tmp_path):
    secret = make_key(keys, "shop")
    other = open_store(f"sqlite:///{tmp_path / 'test.sqlite3'}")
    assert known_key(other.api_keys, secret)
    keys.revoke("shop", now())
    assert known_key(other.api_keys, secret) is None
    other.close()


def test_a_name_is_taken_until_its_key_is_revoked(keys):
    first = make_key(keys, "shop")
    with pytest.raises(ApiKeyError, match="'shop' already"):
        make_key(keys, "shop")
    keys.revoke("shop", now())
    second = make_key(keys, "shop")
    assert known_key(keys, first) is None
    assert known_key(keys, second)
    assert [bool(key.revoked_at) for key in keys.all()] == [True, False]


@pytest.mark.parametrize("name", ["", "two words", "a/b", "x" * 65])
def test_a_bad_name_is_refused(keys, name):
    with pytest.raises(ApiKeyError, match="cannot be a name"):
        make_key(keys, name)
    assert keys.all() == []


def test_an_arm_that_is_not_there_is_refused(keys):
    with pytest.raises(ApiKeyError, match="no arm 'best'; the arms are bare, prompt"):
        make_key(keys, "shop", ["prompt", "best"])


def test_revoking_what_is_not_there_says_so(keys):
    with pytest.raises(ApiKeyError, match="no key 'shop' in force"):
        keys.revoke("shop", now())


@pytest.mark.parametrize(
    ("arms", "model", "allowed"),
    [
        ((), "lora", True),
        (("prompt",), "prompt", True),
        (("prompt",), "prompt:calm", True),
        (("prompt",), "lora+prompt", False),
        (("lora",), "lora+prompt", False),
        (("prompt:calm",), "prompt:calm", True),
        (("prompt:calm",), "prompt", False),
        (("prompt:calm",), "prompt:calmer", False),
        (("bare", "lora:calm"), "lora:calm:velomoor", True),
    ],
)
def test_a_key_allows_what_its_arms_are_the_beginning_of(arms, model, allowed):
    assert ApiKey("shop", "duo-", "digest", arms).allows(model) is allowed


def test_the_last_use_is_noted_to_the_minute(keys, monkeypatch):
    secret = make_key(keys, "shop")
    assert keys.all()[0].used_at is None
    first = known_key(keys, secret).used_at
    assert keys.all()[0].used_at == first
    assert known_key(keys, secret).used_at == first, "a second use in the same minute is not another write"
    monkeypatch.setattr("core.api_keys.now", lambda: first + timedelta(minutes=2))
    assert known_key(keys, secret).used_at > first


def test_the_command_shows_a_key_once_and_lists_its_beginning(keys, capsys):
    assert command(keys, "make", "shop", "--arm", "prompt", "--arm", "lora:calm") == 0
    secret = capsys.readouterr().out.splitlines()[0]
    assert known_key(keys, secret).arms == ("prompt", "lora:calm")
    command(keys, "list")
    listed = capsys.readouterr().out
    assert "shop" in listed and secret[:10] in listed and "in force" in listed and "prompt, lora:calm" in listed
    assert secret not in listed
    command(keys, "revoke", "shop")
    command(keys, "list")
    assert "revoked" in capsys.readouterr().out


def test_a_key_comes_back_as_it_was_stored(keys):
    key = ApiKey("shop", "duo-abcdef", "digest", ("bare",), used_at=now())
    keys.add(replace(key))
    assert keys.all() == [key]
