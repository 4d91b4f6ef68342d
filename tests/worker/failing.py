"""Tasks that fail in many ways, and what their log records look like."""

from __future__ import annotations

import logging
import sys
import time

from tests.worker.jobs import write_line

_done: set[str] = set()


def plainly(words: str = "no luck") -> None:
    raise ValueError(words)


def in_lines() -> None:
    raise ValueError("first\n  second\nthird")


def without_message() -> None:
    raise KeyError


def with_notes() -> None:
    error = ValueError("noted")
    error.add_note("not part of the text")
    raise error


def by_exit() -> None:
    sys.exit(3)


def in_a_group() -> None:
    raise ExceptionGroup("several", [ValueError("one"), TypeError("two")])


def from_another() -> None:
    try:
        plainly()
    except ValueError as error:
        raise RuntimeError("on top") from error


def at_length() -> None:
    raise ValueError("x" * 2000)


async def awaited() -> None:
    raise LookupError("nothing here")


def too_slow() -> None:
    while True:
        time.sleep(0.01)


def once(key: str) -> str:
    """Fail the first time."""
    if key not in _done:
        _done.add(key)
        raise ValueError(key)
    return "done"


class _Records(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        if not record.exc_info:
            return
        assert isinstance(record.exc_info[1], ValueError)
        assert record.__dict__["task"] == "tests.worker.failing.plainly"
        assert record.__dict__["queue"] == "low"
        assert record.__dict__["job_id"]
        assert record.args == ()
        write_line(f"{record.msg} {record.__dict__['attempt']}")


def keep_records() -> None:
    """Check each log record of a failure, as an error reporter would."""
    logging.getLogger().addHandler(_Records())


class Hostile:
    def __str__(self) -> str:
        raise SystemExit(3)


class OddObject:
    def __str__(self) -> str:
        return "<an odd object>"


def log_extra() -> None:
    extra = {
        "order": 7,
        "tenant": "ž",
        "basket": {"apples": [1, 2]},
        "level": "a word of the application's",
        "odd": OddObject(),
        "nan": float("nan"),
        "keys": {(1, 2): 3},
        "hostile": Hostile(),
    }
    logging.getLogger("shop").warning("an order", extra=extra)
