"""The command line run in this process, on a Redis of the test."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from asok_console.cli.main import main
from tests.conftest import SECRET_KEY
from tests.operator.conftest import bench

__all__ = ["bench"]


class Ran(NamedTuple):
    """What a command line came to."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        """The JSON on stdout."""
        document: dict[str, Any] = json.loads(self.out)
        return document


@pytest.fixture
def asok(
    redis_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Ran]:
    """Run a command line: ``asok("dlq", "list", "--json")``."""
    monkeypatch.setenv("ASOK_QUEUE_BACKEND", "redis")
    monkeypatch.setenv("ASOK_REDIS_URL", redis_url)
    monkeypatch.setenv("SECRET_KEY", SECRET_KEY)

    def run(*words: str) -> Ran:
        capsys.readouterr()
        code = main(words)
        out, err = capsys.readouterr()
        return Ran(code, out, err)

    return run
