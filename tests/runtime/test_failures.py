"""The text of an exception, whatever its methods do."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

import pytest

from asok_core.errors import JobTimeout
from asok_core.execution import attempt
from asok_core.runtime.failures import LONGEST_LINE, Failure, failure_of, name_of, shown
from tests.samples import sample_tasks
from tests.samples.hostile_errors import KINDS, throw, throw_from

pytestmark = pytest.mark.usefixtures("hanging_threads_end")

LIMIT = 20_000


def caught(task: Callable[..., object], *args: object) -> BaseException:
    try:
        attempt.run(task, args, {})
    except BaseException as error:  # noqa: BLE001 - whatever the task raises
        return error
    raise AssertionError("it raised nothing")


def failure(task: Callable[..., object], *args: object) -> Failure:
    return failure_of(caught(task, *args), LIMIT)


def test_an_ordinary_error_is_its_type_and_text() -> None:
    found = failure(sample_tasks.fail, "no\n  route")
    assert found.line == "ConnectionError: no route"
    assert found.traceback.startswith("Traceback (most recent call last):\n  File ")
    assert found.traceback.endswith("ConnectionError: no\n  route\n")
    assert shown(ConnectionError("no")) == "ConnectionError('no')"


@pytest.mark.parametrize("kind", KINDS)
def test_an_error_without_usable_text_is_named_and_bounded(kind: str) -> None:
    found = failure(throw, kind)
    assert found.line.startswith(kind)
    assert len(found.line) <= LONGEST_LINE + len(kind) + 2
    assert kind in found.traceback or found.traceback.startswith("... (cut)")
    assert len(found.traceback) <= LIMIT
    assert len(shown(caught(throw, kind))) <= 2_000


@pytest.mark.parametrize("kind", KINDS)
def test_an_error_whose_cause_has_no_usable_text_is_named_and_bounded(kind: str) -> None:
    found = failure(throw_from, kind)
    assert found.line.startswith("ValueError: ")
    assert len(found.traceback) <= LIMIT


def test_an_error_whose_text_takes_forever_has_its_frames() -> None:
    assert "in throw\n" in failure(throw, "HangsInC").traceback


def test_a_long_traceback_keeps_its_end() -> None:
    text = failure_of(caught(sample_tasks.fail, "y" * 5000 + "the end"), 200).traceback
    assert len(text) <= 200
    assert text.endswith("the end\n")
    assert text.startswith("... (cut)")


async def falls() -> None:
    raise LookupError("nothing here")


def needs(one: int) -> None:
    """A call without the argument runs none of its lines."""


@pytest.mark.parametrize("task", [falls, sample_tasks.fail, needs])
def test_a_traceback_begins_with_the_task(task: Callable[..., object]) -> None:
    args = ("no",) if task is sample_tasks.fail else ()
    error = caught(task, *args)
    text = failure_of(error, LIMIT).traceback
    assert f"{type(error).__name__}: " in text
    frames = [line for line in text.splitlines() if line.startswith("  File ")]
    assert len(frames) == (0 if task is needs else 1)
    assert all(f" in {task.__name__}" in frame for frame in frames)


async def nap() -> None:
    await asyncio.sleep(60)


def test_a_cause_is_also_reported_without_our_frames() -> None:
    with pytest.raises(JobTimeout) as timeout:
        attempt.run(nap, (), {}, timeout=0.01)
    text = failure_of(timeout.value, LIMIT).traceback
    assert "in nap" in text
    assert "asok_core/" not in text


def test_a_chain_of_any_length_is_bounded() -> None:
    error: BaseException = ValueError("first")
    for number in range(3000):
        following = ValueError(f"number {number}")
        following.__cause__ = error
        error = following
    found = failure_of(error, LIMIT)
    assert found.line == "ValueError: number 2999"
    assert len(found.traceback) <= LIMIT


def test_a_text_with_lone_surrogates_can_be_stored() -> None:
    line, trace = failure_of(ValueError("a \udcff.csv"), LIMIT)
    assert line == r"ValueError: a \udcff.csv"
    assert line.encode().decode() in trace
    found = Failure.of_line("TaskNotFound: a \udcff.csv")
    assert found == Failure.of_line(r"TaskNotFound: a \udcff.csv")


class ExitingObject:
    """An object whose methods all end the thread."""

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        raise SystemExit(3)


class ExitingNotes(list[str]):
    def __iter__(self) -> Iterator[str]:
        raise SystemExit(3)


class ExitingMeta(type):
    def __hash__(cls) -> int:
        raise SystemExit(3)


class OfExitingMeta(Exception, metaclass=ExitingMeta):
    pass


class Noted(Exception):
    def __init__(self, notes: list[str]) -> None:
        super().__init__("noted")
        self.__notes__ = notes


@pytest.mark.parametrize(
    "error",
    [ValueError(ExitingObject()), Noted(ExitingNotes(["x"])), OfExitingMeta("x")],
    ids=["argument", "notes", "metaclass"],
)
def test_whether_an_exception_is_harmless_is_determined_without_its_code(
    error: BaseException,
) -> None:
    line, trace = failure_of(error, LIMIT)
    assert line.startswith(name_of(error))
    assert trace
