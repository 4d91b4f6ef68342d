from __future__ import annotations

import ast
import dataclasses
import inspect
import math
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from asok_core import call, task
from asok_core.api import signatures
from asok_core.jobs.annotations import annotations_of
from asok_core.jobs.calls import Options, make_call
from tests.samples import sample_tasks

NOW = 1_800_000_000.0


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"queue": ""}, ValueError, "queue name"),
        ({"queue": "a,b"}, ValueError, "comma"),
        ({"queue": 7}, TypeError, "_queue is an int"),
        ({"retries": -1}, ValueError, "_retries is -1"),
        ({"retries": 1.5}, TypeError, "_retries is a float"),
        ({"retries": True}, TypeError, "_retries is a bool"),
        ({"backoff": -2}, ValueError, "_backoff is -2"),
        ({"backoff": math.inf}, ValueError, "_backoff is inf"),
        ({"backoff": "2"}, TypeError, "_backoff is a str"),
        ({"timeout": 0}, ValueError, "_timeout is 0"),
        ({"delay": -1}, ValueError, "_delay is -1"),
        ({"delay": timedelta(days=-1)}, ValueError, "_delay is -1 day"),
        ({"delay": 1, "at": NOW}, ValueError, "both given"),
        ({"at": datetime(2030, 1, 1)}, ValueError, "time zone"),  # noqa: DTZ001 - the point
        ({"at": "tomorrow"}, TypeError, "_at is a str"),
        ({"unique": ""}, ValueError, "_unique has 0"),
        ({"unique": 5}, TypeError, "_unique is an int"),
    ],
)
def test_an_option_that_is_invalid_is_named(
    options: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        Options(**options)


@pytest.mark.parametrize(
    ("options", "due_at"),
    [
        ({}, None),
        ({"delay": 0}, None),
        ({"delay": 1.5}, NOW + 1.5),
        ({"delay": timedelta(minutes=1)}, NOW + 60),
        ({"at": NOW + 5}, NOW + 5),
        ({"at": datetime.fromtimestamp(NOW, UTC)}, NOW),
    ],
)
def test_when_a_job_is_due(options: dict[str, Any], due_at: float | None) -> None:
    assert Options(**options).due_at(NOW) == due_at


def test_all_other_keywords_are_passed_to_the_task() -> None:
    call = make_call(sample_tasks.takes_executor, executor="x", fn="y", args="z", _queue="low")
    assert call.kwargs == {"executor": "x", "fn": "y", "args": "z"}
    assert call.options.queue == "low"


def test_a_call_of_a_task_has_the_options_of_its_declaration() -> None:
    @task(queue="mail", retries=3)
    def send(user: int) -> None: ...

    declared = make_call(send, 7)
    assert (declared.options.queue, declared.options.retries) == ("mail", 3)
    changed = make_call(send, 7, _queue="high")
    assert (changed.options.queue, changed.options.retries) == ("high", 3)
    assert call(send, 7) == declared


@pytest.mark.parametrize("protocol", ["BackgroundFunction", "AppBackground"])
def test_every_option_has_an_overload(protocol: str) -> None:
    # Overloads have no names at run time, so the source is read.
    (found,) = (
        node
        for node in ast.walk(ast.parse(inspect.getsource(signatures)))
        if isinstance(node, ast.ClassDef) and node.name == protocol
    )
    words = {word.arg for node in ast.walk(found) for word in getattr(node, "kwonlyargs", ())}
    options = {f"_{each.name}" for each in dataclasses.fields(Options)}
    # These are declared with the task, and for all of its jobs.
    options -= {"_redact", "_rules", "_limit"}
    assert words == options


def test_an_annotation_of_an_unknown_name_is_evaluated_once_until_its_module_has_other_names() -> (
    None
):
    evaluated: list[int] = []
    scope: dict[str, Any] = {"note": lambda: evaluated.append(1)}
    exec("def task(when: 'note() or Moment'): ...", scope)  # nosec B102
    found = annotations_of(scope["task"])
    parameter = found.parameter("when")
    assert parameter is not None
    assert all(
        found.hint(parameter).problem.startswith("NameError: name 'Moment'") for _ in range(3)
    )
    assert len(evaluated) == 1
    scope["Moment"] = int
    assert [found.hint(parameter).type for _ in range(3)] == [int] * 3
    assert len(evaluated) == 2
