"""Log lines as JSON: one bad value costs neither the line nor the other values."""

from __future__ import annotations

import json
import logging
import math
from typing import Any

import pytest

from asok_core.worker.log import JsonFormatter


class Unprintable:
    def __str__(self) -> str:
        raise RuntimeError("no text")


def line(message: str = "Job failed", **extra: object) -> dict[str, Any]:
    record = logging.makeLogRecord({"name": "shop", "levelname": "ERROR", "msg": message, **extra})
    found: dict[str, Any] = json.loads(JsonFormatter().format(record))
    return found


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (math.nan, "nan"),
        (
            {
                1: {
                    2,
                }
            },
            {"1": "{2}"},
        ),
        ({("a", "b"): 1}, "{('a', 'b'): 1}"),
        (Unprintable(), "<Unprintable>"),
        (b"\xff", "b'\\xff'"),
    ],
)
def test_a_value_that_json_cannot_hold_is_text(value: object, shown: object) -> None:
    found = line(job_id="job-1", value=value)
    assert (found["job_id"], found["value"]) == ("job-1", shown)


def test_a_value_that_holds_itself_is_text() -> None:
    ring: list[object] = []
    ring.append(ring)
    assert line(ring=ring, job_id="job-1")["ring"] == "[[...]]"


def test_the_names_of_a_line_are_kept_where_an_attribute_has_one_of_them() -> None:
    found = line(level="mine", logger="mine")
    assert (found["level"], found["level_"]) == ("error", "mine")
    assert (found["logger"], found["logger_"]) == ("shop", "mine")


def test_a_traceback_and_a_stack_are_below_the_message() -> None:
    found = line(exc_text="Traceback:\nOSError: gone\n", stack_info="Stack:\n  here")
    assert found["traceback"] == "Traceback:\nOSError: gone\nStack:\n  here"


@pytest.mark.parametrize(("error", "below"), [(None, "OSError: gone"), ("OSError: gone", None)])
def test_an_error_in_one_line_is_written_once(error: str | None, below: str | None) -> None:
    assert line(exc_text="OSError: gone", error=error).get("traceback") == below
