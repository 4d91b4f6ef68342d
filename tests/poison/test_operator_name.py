"""The audit names the user that the kernel knows, and not what an environment says."""

from __future__ import annotations

import os
import pwd
import socket

import pytest

from asok_core.backends.redis.audit import operator_name

USER = pwd.getpwuid(os.geteuid()).pw_name


@pytest.fixture(autouse=True)
def no_origin(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SUDO_USER", "SSH_CONNECTION"):
        monkeypatch.delenv(name, raising=False)


def test_the_audit_does_not_believe_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.setenv(name, "another-user")
    assert operator_name() == f"{USER}@{socket.gethostname()}"


def test_the_audit_says_who_became_that_user_and_from_where(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SUDO_USER", "ann")
    monkeypatch.setenv("SSH_CONNECTION", "10.0.0.5 50022 10.0.0.1 22")
    assert operator_name() == f"{USER}@{socket.gethostname()} (sudo ann, ssh 10.0.0.5)"


def test_what_the_environment_says_is_short_and_plain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUDO_USER", "a\x1b[2J) root" + "x" * 500)
    said = operator_name().removeprefix(f"{USER}@{socket.gethostname()} (sudo ")
    assert said == "a??2J??root" + "x" * 53 + ")"
