"""One line of a log, written to the handlers of the standard library whatever these do."""

from __future__ import annotations

import logging
import os
import select
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from asok_core.runtime.ctrl_c import is_ctrl_c

Extra = Mapping[str, object]

_TRACEBACK = BaseException.__dict__["__traceback__"]
# Not by an attribute, which a class of the application could define.


@dataclass(slots=True)
class LogLine:
    """What was logged, and where and when."""

    logger: logging.Logger
    level: int
    msg: str
    args: tuple[object, ...]
    exc_info: BaseException | None
    exc_text: str | None
    extra: Extra | None
    where: tuple[str, int, str]
    at: float = field(default_factory=time.time)

    def write(self) -> None:
        """Write it. What a handler raises is raised, unless lines are always written."""
        if _own is None:
            self.logger.handle(self._record(self.logger.makeRecord))
        else:
            self._write_always(_own)

    def _write_always(self, own: logging.Handler) -> None:
        """Write to all handlers; to ``own`` if none accepts it or they fail."""
        by_own = taken = False
        try:
            record = self._record(self.logger.makeRecord)
            found: object = self.logger.filter(
                record
            )  # from Python 3.12 on it may be another record
            if not found:
                return
            record = found if isinstance(found, logging.LogRecord) else record
            for handler in _handlers(self.logger):
                if record.levelno >= handler.level:
                    handler.handle(record)
                    taken, by_own = True, by_own or handler is own
        except BaseException as error:
            if is_ctrl_c(error):
                raise
            note_loss(error)
            taken = by_own
        if not taken:
            own.handle(self._record(_plain_record))

    def _record(self, make: Callable[..., logging.LogRecord]) -> logging.LogRecord:
        file, number, function = self.where
        error = self.exc_info
        record = make(
            self.logger.name,
            self.level,
            file,
            number,
            self.msg,
            self.args,
            None if error is None else (type(error), error, _TRACEBACK.__get__(error)),
            function,
            self.extra,
        )
        record.exc_text = self.exc_text
        record.created, record.msecs = self.at, self.at % 1 * 1000 // 1
        return record


# For our own programs, where the application does not configure logging

_own: logging.Handler | None = None


def write_always_to(handler: logging.Handler, level: str) -> None:
    """Write lines of :func:`safe_logger` to ``handler`` if no other handler accepts them.

    Lines of ``level`` and above are written, also if the level of the root logger changes.

    A task may call ``logging.config.dictConfig``, which disables loggers by default, or
    ``logging.disable``, or remove every handler: lines about later jobs are still written. Levels
    and filters of our loggers are respected.
    """
    global _own  # noqa: PLW0603 - one for the process
    _own = handler
    logging.getLogger("asok").setLevel(level)


def is_always_written() -> bool:
    """Whether lines are written whatever the application configures."""
    return _own is not None


def _handlers(logger: logging.Logger) -> Iterator[logging.Handler]:
    """Every handler that receives records of ``logger``, except null handlers."""
    each: logging.Logger | None = logger
    while each is not None:
        yield from (
            found for found in list(each.handlers) if type(found) is not logging.NullHandler
        )
        each = each.parent if each.propagate else None


def _plain_record(*arguments: Any) -> logging.LogRecord:
    """A record as from ``Logger.makeRecord``, without the factory, which is application code."""
    *standard, extra = arguments
    record = logging.LogRecord(*standard)
    record.__dict__.update(extra or {})
    return record


_reported: set[type[BaseException]] = set()


def note_loss(error: BaseException) -> None:
    """Report a dropped log line on standard error, once for each type of exception."""
    with suppress(BaseException):
        if type(error) in _reported or len(_reported) >= 100:
            return
        _reported.add(type(error))
        name = type(error).__name__.encode("ascii", "replace")
        what = (
            b"a log line was dropped"
            if _own is None
            else b"a log line was written by the worker only"
        )
        poll = select.poll()
        poll.register(2, select.POLLOUT)
        # Do not wait if standard error is not being read.
        if any(events & select.POLLOUT for _, events in poll.poll(0)):
            os.write(2, b"asok: %s: a logging handler raised %s\n" % (what, name))
