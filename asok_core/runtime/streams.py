"""Standard input, output and error of our own programs, whatever they were started with."""

from __future__ import annotations

import io
import os
import select
import sys
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

    from asok_core.runtime.output import Output


class OutputError(OSError):
    """Standard output cannot be written: the disk is full, or it is open for reading only."""


def prepare(*, drop_output: bool = False) -> None:
    r"""Make the three standard streams usable. To be called once, at the start of a program.

    - One that is closed becomes /dev/null: Python leaves it out (``sys.stdout is None``), and the next
      file or socket that is opened would get its number and with it what is meant for the stream.
    - A character that the encoding of the output lacks is written as an escape, as in ``\u2026``.
    - What cannot be written to standard error is dropped: no reader of a log that has ended, and no
      full disk, may end a program or change its exit code. With ``drop_output`` the same holds
      for standard output, and nothing waits for either (see ``output``); otherwise a failed write to
      standard output raises BrokenPipeError or OutputError.
    """
    for number in range(3):
        _open_missing(number)
    encoding = sys.stdin.encoding if sys.stdin else "utf-8"
    sys.stdin = open(0, closefd=False, encoding=encoding, errors="backslashreplace")  # noqa: SIM115
    sys.stdout = _writer(sys.stdout, 1, drop=drop_output, waits=not drop_output)
    sys.stderr = _writer(sys.stderr, 2, drop=True, waits=not drop_output)
    if drop_output:
        # Libraries that write past what an application may have put in place of these.
        sys.__stdout__, sys.__stderr__ = sys.stdout, sys.stderr  # type: ignore[misc, assignment]


def _open_missing(number: int) -> None:
    try:
        os.fstat(number)
    except OSError:
        # The lowest number that is free is taken, and those below are open.
        os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)


def _writer(stream: TextIO | None, number: int, *, drop: bool, waits: bool) -> TextIO:
    """A writer to a descriptor in place of ``stream``, which flushes when that would."""
    descriptor = _Descriptor(number, drop=drop, output=None if waits else _output(number))
    # The output of a command is buffered always: whether it can be written is known at its end.
    unbuffered = drop and isinstance(stream, io.TextIOWrapper) and stream.write_through
    return io.TextIOWrapper(
        descriptor if unbuffered else io.BufferedWriter(descriptor),
        encoding=stream.encoding if stream else "utf-8",
        errors="backslashreplace",
        line_buffering=number == 2 or descriptor.isatty(),
        write_through=unbuffered,
    )


def _output(number: int) -> Output:
    # Only a worker has use for it.
    from asok_core.runtime.output import standard

    return standard(number)


class _Descriptor(io.RawIOBase):
    """A file descriptor that is written whole, or whose failure is either dropped or an OutputError.

    With an ``output`` that does the writing.
    """

    def __init__(self, number: int, *, drop: bool, output: Output | None) -> None:
        self._number = number
        self._output = output
        self._drop = drop
        self.name = f"<{'stdout' if number == 1 else 'stderr'}>"
        self.mode = "wb"

    def fileno(self) -> int:
        return self._number

    def isatty(self) -> bool:
        return os.isatty(self._number)

    def writable(self) -> bool:
        return True

    def write(self, data: ReadableBuffer, /) -> int:
        view = memoryview(data).cast("B")
        if self._output is not None:
            self._output.write(bytes(view))
            return len(view)
        rest = view
        while rest:
            try:
                rest = rest[os.write(self._number, rest) :]
            except BlockingIOError:
                # Whoever shares the pipe has made it non-blocking. Wait as a blocking write does.
                self._wait()
            except OSError as error:
                if self._drop:
                    break
                if isinstance(error, BrokenPipeError):
                    raise
                raise OutputError(*error.args) from None
        return len(view)

    def _wait(self) -> None:
        poll = select.poll()
        poll.register(self._number, select.POLLOUT)
        poll.poll()
