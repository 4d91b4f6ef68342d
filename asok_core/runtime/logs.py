"""Logging that does not affect the calling code.

A logging handler, filter, formatter or record factory is code of the application: it may raise,
call ``sys.exit`` or wait forever. A logger of :func:`safe_logger` catches its exceptions. Lines of
threads that must not wait (the loops of a worker) are written by another thread:
:func:`written_elsewhere`.
"""

from __future__ import annotations

import logging
import os
import select
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import Any

from asok_core.runtime import output
from asok_core.runtime.bounded import call_within

MOST_WAITING = 10_000
"""Lines that are kept while a handler hangs; further lines are dropped."""
EXIT_PATIENCE = 3.0
"""Seconds that an exiting process waits for its log handlers and for the reader of its log."""

Extra = Mapping[str, object]


def safe_logger(name: str) -> SafeLogger:
    """A logger of the standard library whose methods do not raise."""
    return SafeLogger(logging.getLogger(name))


class SafeLogger:
    """Writes to a standard logger. A line that cannot be written is dropped, with one message on stderr.

    ``exc_info`` is the exception itself. ``exc_text`` is its traceback as text, if the caller has
    one: handlers of the standard library use it instead of formatting the exception.
    """

    def __init__(self, logger: logging.Logger) -> None:
        self._logger = logger

    def isEnabledFor(self, level: int) -> bool:  # noqa: N802 - name of the standard library
        """Whether a line of this level would be written."""
        # Not ``isEnabledFor`` of the logger: it acquires a lock that ``dictConfig`` holds until it
        # returns, and a handler that ``dictConfig`` creates may wait forever.
        logger = self._logger
        if level < logger.getEffectiveLevel():
            return False
        # ``logging.disable`` does not apply to our lines.
        return _own is not None or not (logger.disabled or logger.manager.disable >= level)

    def debug(self, msg: str, *args: object, exc_info: BaseException | None = None) -> None:
        """Log with level DEBUG."""
        self._log(logging.DEBUG, msg, args, exc_info=exc_info)

    def info(self, msg: str, *args: object, extra: Extra | None = None) -> None:
        """Log with level INFO."""
        self._log(logging.INFO, msg, args, extra=extra)

    def warning(
        self,
        msg: str,
        *args: object,
        exc_info: BaseException | None = None,
        exc_text: str | None = None,
        extra: Extra | None = None,
    ) -> None:
        """Log with level WARNING."""
        self._log(logging.WARNING, msg, args, exc_info=exc_info, exc_text=exc_text, extra=extra)

    def error(
        self,
        msg: str,
        *args: object,
        exc_info: BaseException | None = None,
        exc_text: str | None = None,
        extra: Extra | None = None,
    ) -> None:
        """Log with level ERROR."""
        self._log(logging.ERROR, msg, args, exc_info=exc_info, exc_text=exc_text, extra=extra)

    def critical(
        self,
        msg: str,
        *args: object,
        exc_info: BaseException | None = None,
        exc_text: str | None = None,
    ) -> None:
        """Log with level CRITICAL."""
        self._log(logging.CRITICAL, msg, args, exc_info=exc_info, exc_text=exc_text)

    def log(
        self,
        level: int,
        msg: str,
        *args: object,
        exc_info: BaseException | None = None,
        exc_text: str | None = None,
        extra: Extra | None = None,
    ) -> None:
        """Log with a level."""
        self._log(level, msg, args, exc_info=exc_info, exc_text=exc_text, extra=extra)

    def _log(
        self,
        level: int,
        msg: str,
        args: tuple[object, ...],
        *,
        exc_info: BaseException | None = None,
        exc_text: str | None = None,
        extra: Extra | None = None,
    ) -> None:
        try:
            if not self.isEnabledFor(level):
                return
            code = (frame := sys._getframe(2)).f_code  # noqa: SLF001 - as logging itself does
            where = (code.co_filename, frame.f_lineno, code.co_name)
            line = _Line(self._logger, level, msg, args, exc_info, exc_text, extra, where)
            if threading.get_ident() in _elsewhere:
                _writer.put(line)
            else:
                line.write()
        except BaseException as error:
            if is_ctrl_c(error):
                raise
            _note_loss(error)


def is_ctrl_c(error: BaseException) -> bool:
    """Whether an exception is a user's Ctrl+C, which Python raises only in the main thread."""
    return (
        type(error) is KeyboardInterrupt and threading.current_thread() is threading.main_thread()
    )


_TRACEBACK = BaseException.__dict__["__traceback__"]
# Not by an attribute, which a class of the application could define.


@dataclass(slots=True)
class _Line:
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
            _note_loss(error)
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


# Our own programs, where the application does not configure logging

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


# Lines from threads that must not wait

_elsewhere: set[int] = set()


@contextmanager
def written_elsewhere() -> Iterator[None]:
    """Let another thread write the lines that this thread logs in the body."""
    _elsewhere.add(threading.get_ident())
    try:
        yield
    finally:
        _elsewhere.discard(threading.get_ident())


class _Writer:
    def __init__(self) -> None:
        self._waiting: SimpleQueue[_Line | threading.Event] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._dropped = 0

    def put(self, line: _Line) -> None:
        if self._waiting.qsize() >= MOST_WAITING:
            self._dropped += 1
            return
        self._waiting.put(line)
        if self._thread is None or not self._thread.is_alive():
            thread = threading.Thread(target=self._run, name="asok-log", daemon=True)
            # If no thread could be started, the next line tries again.
            with suppress(RuntimeError):
                thread.start()
                self._thread = thread

    def flush(self, seconds: float) -> bool:
        if self._thread is None or not self._thread.is_alive():
            self._write_here()
            return True
        written = threading.Event()
        self._waiting.put(written)
        return written.wait(seconds)

    def _write_here(self) -> None:
        """Write the queued lines of a thread that could not be started."""
        with suppress(Empty):
            while True:
                self._write(self._waiting.get_nowait())

    def _run(self) -> None:
        while True:
            self._write(self._waiting.get())

    def _write(self, line: _Line | threading.Event) -> None:
        if isinstance(line, threading.Event):
            line.set()
            return
        try:
            line.write()
        except BaseException as error:  # noqa: BLE001 - see the head of this file
            _note_loss(error)
        if self._dropped:
            dropped, self._dropped = self._dropped, 0
            words = "Dropped %d log lines while a log handler was blocked"
            safe_logger("asok.worker").warning(words, dropped)


_writer = _Writer()


def _begin_after_fork() -> None:
    global _writer  # noqa: PLW0603 - its thread stayed in the parent
    _elsewhere.clear()
    _writer = _Writer()


os.register_at_fork(after_in_child=_begin_after_fork)


def flush() -> bool:
    """Wait some seconds for the lines of ``written_elsewhere``. False if a log handler hangs."""
    return _writer.flush(EXIT_PATIENCE)


def end_logging() -> None:
    """Write the queued lines and close the handlers at the exit of a process; wait some seconds."""
    if flush():
        call_within(EXIT_PATIENCE, logging.shutdown, None)
    output.flush(EXIT_PATIENCE)


_reported: set[type[BaseException]] = set()


def _note_loss(error: BaseException) -> None:
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
