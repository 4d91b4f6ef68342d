"""The current request: a proxy of the request itself, or of the snapshot in a job."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from asok_core.execution.context import (
    CurrentRequest,
    RequestSnapshot,
    current_request,
    request_context,
    restored,
    snapshot,
)


def test_outside_a_request_it_is_false_and_its_attributes_raise() -> None:
    assert not current_request
    assert repr(current_request) == "<no current request>"
    with pytest.raises(RuntimeError, match="there is no current request"):
        str(current_request.path)
    assert snapshot() is None


def test_it_reads_changes_and_deletes_attributes_of_the_request() -> None:
    request = SimpleNamespace(path="/orders/7", user="ann")
    with request_context(request):
        assert current_request
        current_request.path = "/orders/8"
        del current_request.user
        assert vars(request) == {"path": "/orders/8"}
        assert repr(current_request) == repr(request)


def test_it_equals_its_request() -> None:
    request = ("GET", "/orders")
    with request_context(request):
        assert current_request == request
        assert current_request == CurrentRequest()
        assert hash(current_request) == hash(request)


def test_a_snapshot_has_texts_only_and_cannot_be_changed() -> None:
    request: Any = SimpleNamespace(method=b"GET", path="/" + "x" * 5000, host=7, query="a=1")
    with request_context(request):
        values = snapshot()
    assert values is not None
    assert (values["method"], len(values["path"]), values["host"]) == ("GET", 2048, None)
    # A query string may hold secrets: only a hook adds it.
    assert "query" not in values
    with restored(values):
        assert repr(current_request).startswith("<RequestSnapshot GET /xxx")
        with pytest.raises(AttributeError, match="cannot be changed: path"):
            current_request.path = "/"
        assert snapshot() == {**values, "query": None}


def test_secrets_in_the_query_of_a_snapshot_are_masked() -> None:
    with request_context(RequestSnapshot({"query": "page=2&token=abc;password=x"})):
        values = snapshot()
    assert values is not None
    assert values["query"] == "page=2&token=[redacted];password=[redacted]"
