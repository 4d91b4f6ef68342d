"""The examples in the docstrings of the public names print what they state."""

from __future__ import annotations

import doctest
import inspect
from collections.abc import Iterator
from typing import Any

import pytest

import asok_core
from asok_core import Settings, configure, shutdown

ONLY_WITH_REDIS = {
    "Deadlock",
    "RecordTooLarge",
    "Refused",
    "ResultNotStored",
    "Unreachable",
    "WorkerCrashed",
}
"""Errors that no example can show without a Redis or a worker."""
NAMES = sorted({*asok_core.__all__} - ONLY_WITH_REDIS - {"AsokError"})


@pytest.fixture(autouse=True)
def local_backend() -> Iterator[None]:
    configure(Settings())
    yield
    shutdown(wait=False)
    configure()


def documented(named: Any) -> Any:
    """What has the docstring: the class of an object that stands for another."""
    if inspect.isclass(named) or inspect.isroutine(named) or inspect.ismodule(named):
        return named
    return type(named)


@pytest.mark.parametrize("name", NAMES)
def test_the_examples_of_a_public_name_print_what_they_state(name: str) -> None:
    public = {each: getattr(asok_core, each) for each in asok_core.__all__}
    found = doctest.DocTestFinder(recurse=False).find(
        documented(public[name]), name, module=False, globs=public
    )
    assert found, f"{name} has no example"
    assert found[0].examples, f"{name} has no example"
    report: list[str] = []
    result = doctest.DocTestRunner().run(found[0], out=report.append)
    assert result.failed == 0, "".join(report)
