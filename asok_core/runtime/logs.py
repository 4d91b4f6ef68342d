"""Logging that does not affect the calling code.

A logging handler, filter, formatter or record factory is code of the application: it may raise,
call ``sys.exit`` or wait forever. A logger of :func:`safe_logger` catches its exceptions. Lines of
threads that must not wait (the loops of a worker) are written by another thread:
:func:`written_elsewhere`.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from queue import Empty, SimpleQueue
from typing import TypedDict, Unpack

from asok_core.runtime import output
from asok_core.runtime.bounded import call_within
from asok_core.runtime.ctrl_c import is_ctrl_c
from asok_core.runtime.log_lines import Extra, LogLine, is_always_written, note_loss

MOST_WAITING = 10_000
"""Lines that are kept while a handler hangs; further lines are dropped."""
EXIT_PATIENCE = 3.0
"""Seconds that an exiting process waits for its log handlers and for the reader of its log."""


def safe_logger(name: str) -> SafeLogger:
    """A logger of the standard library whose methods do not raise."""
    return SafeLogger(logging.getLogger(name))


class LineOptions(TypedDict, total=False):
    """What a log line may have beside its message."""

    exc_info: BaseException | None
    """The exception itself."""
    exc_text: str | None
    """Its traceback as text, which handlers of the standard library write as it is."""
    extra: Extra | None


class SafeLogger:
    """Writes to a standard logger. It drops a line that cannot be written, with one message on stderr."""

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
        return is_always_written() or not (logger.disabled or logger.manager.disable >= level)

    def debug(self, msg: str, *args: object, **options: Unpack[LineOptions]) -> None:
        """Log with level DEBUG."""
        self._log(logging.DEBUG, msg, args, options)

    def info(self, msg: str, *args: object, **options: Unpack[LineOptions]) -> None:
        """Log with level INFO."""
        self._log(logging.INFO, msg, args, options)

    def warning(self, msg: str, *args: object, **options: Unpack[LineOptions]) -> None:
        """Log with level WARNING."""
        self._log(logging.WARNING, msg, args, options)

    def error(self, msg: str, *args: object, **options: Unpack[LineOptions]) -> None:
        """Log with level ERROR."""
        self._log(logging.ERROR, msg, args, options)

    def critical(self, msg: str, *args: object, **options: Unpack[LineOptions]) -> None:
        """Log with level CRITICAL."""
        self._log(logging.CRITICAL, msg, args, options)

    def log(self, level: int, msg: str, *args: object, **options: Unpack[LineOptions]) -> None:
        """Log with a level."""
        self._log(level, msg, args, options)

    def _log(self, level: int, msg: str, args: tuple[object, ...], options: LineOptions) -> None:
        try:
            if not self.isEnabledFor(level):
                return
            code = (frame := sys._getframe(2)).f_code  # noqa: SLF001 - as logging itself does
            where = (code.co_filename, frame.f_lineno, code.co_name)
            error, text = options.get("exc_info"), options.get("exc_text")
            line = LogLine(self._logger, level, msg, args, error, text, options.get("extra"), where)
            if threading.get_ident() in _elsewhere:
                _writer.put(line)
            else:
                line.write()
        except BaseException as error:
            if is_ctrl_c(error):
                raise
            note_loss(error)


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
        self._waiting: SimpleQueue[LogLine | threading.Event] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._dropped = 0

    def put(self, line: LogLine) -> None:
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

    def _write(self, line: LogLine | threading.Event) -> None:
        if isinstance(line, threading.Event):
            line.set()
            return
        try:
            line.write()
        except BaseException as error:  # noqa: BLE001 - see the head of this file
            note_loss(error)
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
