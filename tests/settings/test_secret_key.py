"""Weak keys: placeholders are refused, short keys cause a warning."""

from __future__ import annotations

import base64
import secrets

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asok_core.errors import SettingsError
from asok_core.settings.secret_key import is_placeholder
from asok_core.settings.settings import Settings

# The first four are those of the framework asok 0.8.0.
PLACEHOLDERS = [
    "static-build-key-temporary-32-chars-long-key",
    "static-build-key-temporary",
    "change-me-to-a-very-secure-production-secret-key-32-chars",
    "CHANGE_ME_TO_A_LONG_SECURE_STRING",
    "your-secret-key",
    "<your secret key here>",
    "changeme",
    "Change.This!",
    "replace-with-openssl-rand-hex-32",
    "secret",
    "super_secret_key",
]


@pytest.mark.parametrize("key", PLACEHOLDERS)
@pytest.mark.parametrize("variable", ["SECRET_KEY", "SECRET_KEY_FALLBACKS"])
def test_a_placeholder_is_refused(variable: str, key: str) -> None:
    settings = Settings.load({"SECRET_KEY": "k" * 64} | {variable: key})
    with pytest.raises(SettingsError) as caught:
        settings.require_secret_key()
    line = str(caught.value)
    assert line == (
        f"{variable} is a well-known placeholder; anyone who knows the key can run code on every "
        'worker. Create a key with python -c "import secrets; print(secrets.token_hex(32))"'
    )


def test_jobs_in_this_process_need_no_key() -> None:
    assert Settings.load({"SECRET_KEY": "changeme"}).queue_backend == "local"


@given(st.binary(min_size=12, max_size=48))
def test_a_random_key_is_not_a_placeholder(key: bytes) -> None:
    assert not is_placeholder(key.hex())


def test_keys_made_by_programs_are_not_placeholders() -> None:
    for _ in range(1000):
        assert not is_placeholder(secrets.token_urlsafe(32))
        assert not is_placeholder(base64.b64encode(secrets.token_bytes(32)).decode())


@pytest.mark.parametrize(
    ("environment", "begins"),
    [
        ({"SECRET_KEY": "k" * 32}, []),
        ({"SECRET_KEY": "k" * 31}, ["SECRET_KEY has 31 characters; "]),
        (
            {"SECRET_KEY": "k" * 64, "SECRET_KEY_FALLBACKS": f"{'f' * 64},dev"},
            ["SECRET_KEY_FALLBACKS has a key of 3 characters; "],
        ),
        ({}, []),
    ],
)
def test_a_short_key_is_warned_of(environment: dict[str, str], begins: list[str]) -> None:
    lines = Settings.load(environment).key_warnings()
    assert [line[: len(begin)] for line, begin in zip(lines, begins, strict=True)] == begins
    assert not any("kkk" in line or "dev" in line for line in lines)
