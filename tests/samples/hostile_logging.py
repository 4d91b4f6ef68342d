"""Log handlers, filters and record factories that fail, by name."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class _Raises(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        raise ValueError("no line for you")


class _Exits(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        sys.exit(3)


class _Recurses(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        logging.getLogger(record.name).error("about the line before")


class _Hangs(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        time.sleep(600)


class _Stubborn(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        raise ValueError("no filter for you")


def _no_record(*_args: Any, **_named: Any) -> logging.LogRecord:
    raise ValueError("no record for you")


NAMES = ("asok.worker", "asok.background")
KINDS = ("raises", "exits", "recurses", "filter", "factory", "closed stderr")
HANDLERS = {"raises": _Raises, "exits": _Exits, "recurses": _Recurses, "hangs": _Hangs}


def spoil(kind: str) -> None:
    """Let each log line of this process fail in that way from now on."""
    if kind == "filter":
        for name in NAMES:
            logging.getLogger(name).addFilter(_Stubborn())
    elif kind == "factory":
        logging.setLogRecordFactory(_no_record)
    elif kind == "closed stderr":
        logging.getLogger().addHandler(logging.StreamHandler(sys.stderr))
        sys.stderr.close()
    else:
        logging.getLogger().addHandler(HANDLERS[kind]())


@contextmanager
def spoiled(kind: str) -> Iterator[None]:
    """Let log lines fail in the body."""
    handlers, factory = list(logging.getLogger().handlers), logging.getLogRecordFactory()
    filters = {name: list(logging.getLogger(name).filters) for name in NAMES}
    stderr = sys.stderr
    if kind == "closed stderr":
        # Only a copy of it is closed.
        sys.stderr = open(2, "w", closefd=False)  # noqa: SIM115
    try:
        spoil(kind)
        yield
    finally:
        sys.stderr = stderr
        logging.getLogger().handlers[:] = handlers
        logging.setLogRecordFactory(factory)
        for name in NAMES:
            logging.getLogger(name).filters[:] = filters[name]
