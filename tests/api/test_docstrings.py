"""The examples in the docstrings of the public names print what they state."""

from __future__ import annotations

import doctest
from collections.abc import Iterator

import pytest

import asok_core
from asok_core import Settings, configure, shutdown

NAMES = ("background", "background_many", "cancel", "get_job", "task")


@pytest.fixture(autouse=True)
def local_backend() -> Iterator[None]:
    configure(Settings())
    yield
    shutdown(wait=False)
    configure()


@pytest.mark.parametrize("name", NAMES)
def test_the_examples_of_a_public_name_print_what_they_state(name: str) -> None:
    public = {each: getattr(asok_core, each) for each in asok_core.__all__}
    [found] = doctest.DocTestFinder(recurse=False).find(public[name], name, globs=public)
    assert found.examples, f"{name} has no example"
    report: list[str] = []
    result = doctest.DocTestRunner().run(found, out=report.append)
    assert result.failed == 0, "".join(report)
