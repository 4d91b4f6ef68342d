"""Standard input, output and error of our own programs."""

from __future__ import annotations

import io
import os
import select
import sys
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

    from asok_core.runtime.output import NonBlockingOutput


class OutputError(OSError):
    """Standard output cannot be written: the disk is full, or it is read-only."""


def prepare(*, drop_output: bool = False) -> None:
    r"""Make the three standard streams usable. Call this once, at the start of a program.

    - A closed stream becomes /dev/null: Python omits it (``sys.stdout is None``), and the next file
      or socket that is opened would get its descriptor and the output for the stream.
    - A character that the encoding does not support is written as an escape, as in ``\u2026``.
    - What cannot be written to standard error is dropped: a log reader that has ended or a full
      disk must not end a program or change its exit code. With ``drop_output`` the same applies to
      standard output, and neither blocks (see ``output``); otherwise a failed write to standard
      output raises BrokenPipeError or OutputError.
    """
    for number in range(3):
        _open_missing(number)
    encoding = sys.stdin.encoding if sys.stdin else "utf-8"
    sys.stdin = open(0, closefd=False, encoding=encoding, errors="backslashreplace")  # noqa: SIM115
    sys.stdout = _writer(sys.stdout, 1, drop=drop_output, waits=not drop_output)
    sys.stderr = _writer(sys.stderr, 2, drop=True, waits=not drop_output)
    if drop_output:
        # Libraries use these directly, also if an application replaces sys.stdout and sys.stderr.
        sys.__stdout__, sys.__stderr__ = sys.stdout, sys.stderr  # type: ignore[misc, assignment]


def discard_output() -> None:
    """Write nothing more to standard output.

    After an interruption it is not known how much of a buffer was written, and it must not appear twice.
    """
    raw = getattr(getattr(sys.stdout, "buffer", None), "raw", None)
    if isinstance(raw, _Descriptor):
        raw.discard()


def _open_missing(number: int) -> None:
    try:
        os.fstat(number)
    except OSError:
        # open() uses the lowest free descriptor, and those below are open.
        os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)


def _writer(stream: TextIO | None, number: int, *, drop: bool, waits: bool) -> TextIO:
    """A writer to a descriptor that replaces ``stream``, with the same buffering."""
    descriptor = _Descriptor(number, drop=drop, output=None if waits else _output(number))
    # The output of a command is always buffered: write errors are reported at its end.
    unbuffered = drop and isinstance(stream, io.TextIOWrapper) and stream.write_through
    return io.TextIOWrapper(
        descriptor if unbuffered else io.BufferedWriter(descriptor),
        encoding=stream.encoding if stream else "utf-8",
        errors="backslashreplace",
        line_buffering=number == 2 or descriptor.isatty(),
        write_through=unbuffered,
    )


def _output(number: int) -> NonBlockingOutput:
    # Only a worker uses it.
    from asok_core.runtime.output import standard

    return standard(number)


class _Descriptor(io.RawIOBase):
    """A file descriptor with complete writes; a failure is either ignored or raises OutputError.

    With an ``output``, that writes.
    """

    def __init__(self, number: int, *, drop: bool, output: NonBlockingOutput | None) -> None:
        self._number = number
        self._output = output
        self._drop = drop
        self._discards = False
        self.name = f"<{'stdout' if number == 1 else 'stderr'}>"
        self.mode = "wb"

    def fileno(self) -> int:
        return self._number

    def isatty(self) -> bool:
        return os.isatty(self._number)

    def writable(self) -> bool:
        return True

    def discard(self) -> None:
        self._discards = True

    def write(self, data: ReadableBuffer, /) -> int:
        view = memoryview(data).cast("B")
        if self._discards:
            return len(view)
        if self._output is not None:
            self._output.write(bytes(view))
            return len(view)
        rest = view
        while rest:
            try:
                rest = rest[os.write(self._number, rest) :]
            except BlockingIOError:
                # Another process has made the shared pipe non-blocking. Wait as a blocking write
                # does.
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
