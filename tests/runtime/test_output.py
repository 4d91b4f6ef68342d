"""Output that nothing waits for, to each kind of file."""

from __future__ import annotations

import os
import pty
import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from asok_core.runtime.output import MOST_KEPT, NonBlockingOutput, _Channel, _ReopenedDescriptor
from tests.programs import exit_code, wait_until

LINE = b"x" * 999 + b"\n"


def _sockets() -> tuple[int, int]:
    one, other = socket.socketpair()
    return one.detach(), other.detach()


def _terminal() -> tuple[int, int]:
    reading, writing = pty.openpty()
    return reading, writing


KINDS: dict[str, Callable[[], tuple[int, int]]] = {
    "pipe": os.pipe,
    "socket": _sockets,
    "terminal": _terminal,
    "pipe that cannot be opened again": os.pipe,
}


class Ends:
    """Both ends of a file, and an output to it."""

    def __init__(self, kind: str) -> None:
        self.reading, self.writing = KINDS[kind]()
        self.output = NonBlockingOutput(self.writing)
        if kind == "pipe that cannot be opened again":
            self.output._channel = _Channel(self.writing)
        self.missing: list[int] = []
        self.output.on_resumed = lambda _number, lines, _seconds: self.missing.append(lines)
        self.text = bytearray()
        os.set_blocking(self.reading, False)

    def read(self) -> bytes:
        with suppress(BlockingIOError, OSError):
            while some := os.read(self.reading, 1 << 16):
                self.text += some
        return bytes(self.text).replace(b"\r\n", b"\n")


@pytest.fixture(params=KINDS)
def ends(request: pytest.FixtureRequest) -> Iterator[Ends]:
    made = Ends(request.param)
    yield made
    os.close(made.reading)


def test_output_is_read_in_order(ends: Ends) -> None:
    for number in range(50):
        ends.output.write(b"line %d\n" % number)
    wait_until(lambda: ends.read().count(b"\n") == 50, "every line")
    assert ends.read() == b"".join(b"line %d\n" % number for number in range(50))
    assert ends.output.flush(50)
    assert ends.missing == []


def test_output_that_is_not_read_is_kept_then_dropped_and_counted(ends: Ends) -> None:
    lines = 3 * MOST_KEPT // len(LINE)
    for _ in range(lines):
        ends.output.write(LINE)
    assert not ends.output.flush(0)
    wait_until(lambda: (ends.read(), ends.missing)[1], "the count of what is missing")
    # All that was not dropped is there, and no line in parts.
    assert ends.output.flush(50)
    wait_until(lambda: ends.read().count(LINE) + ends.missing[0] == lines, "the rest")
    assert set(ends.read().split(b"\n")) == {LINE[:-1], b""}
    assert ends.missing[0] > lines // 4
    ends.output.write(b"again\n")
    wait_until(lambda: ends.read().endswith(b"again\n"), "a line")


def test_a_forked_process_can_write_while_its_parent_writes() -> None:
    ends = Ends("pipe")
    with ends.output._lock:
        child = os.fork()
        if not child:
            ends.output.begin_after_fork()
            ends.output.write(b"child\n")
            os._exit(0)
    assert exit_code(child) == 0
    assert ends.read() == b"child\n"
    os.close(ends.reading)


def test_a_descriptor_that_was_closed_and_reused_is_not_written_to(
    tmp_path: Path,
) -> None:
    ends = Ends("pipe")
    channel = ends.output._channel
    assert isinstance(channel, _ReopenedDescriptor)
    os.close(channel._own)
    other = os.open(tmp_path / "other", os.O_RDWR | os.O_CREAT)
    os.dup2(other, channel._own)
    ends.output.write(b"line\n")
    wait_until(lambda: ends.read() == b"line\n", "the line")
    assert (tmp_path / "other").read_bytes() == b""
    os.close(ends.reading)


def test_a_closed_other_end_is_not_an_error() -> None:
    ends = Ends("pipe")
    os.close(ends.reading)
    for _ in range(1000):
        ends.output.write(LINE)
    assert ends.output.flush(50)
    assert ends.missing == []
