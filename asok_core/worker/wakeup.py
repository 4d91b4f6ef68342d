"""What the claim loop sleeps on: sockets, a pipe that its threads ring, and the supervisor's commands."""

from __future__ import annotations

import os
import select
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress

Command = str
"""``drain``, ``quit`` (drain at once), ``orphaned`` (the supervisor has ended, which renews the lease),
``retire``, ``quiet``, ``resume``, ``slots N`` (how many jobs it may run at once), ``wake``, ``cancel ID``,
``stop ID`` (the same, with an exception in the task), ``holds`` (they have changed) or ``avoid`` with JSON
(``import_crashes``)."""


class Alarm:
    """One sleeper, many ringers. ``control`` is a file descriptor with one command a line."""

    def __init__(self, control: int | None = None) -> None:
        self.asleep = False
        self._listen, self._ring = os.pipe()
        os.set_blocking(self._listen, False)
        os.set_blocking(self._ring, False)
        self._control = control
        self._rest = b""
        self._commands: list[Command] = []
        if control is not None:
            os.set_blocking(control, False)

    def ring(self) -> None:
        """End the sleep, from any thread or signal handler."""
        self.asleep = False
        ring(self._ring)

    @property
    def bell(self) -> int:
        """The file descriptor by which a process that inherits it ends the sleep; see ``ring``."""
        return self._ring

    def sleep(
        self, seconds: float, files: Iterable[int], unless: Callable[[], bool] | None = None
    ) -> list[int]:
        """Sleep until a ring, a command, ``seconds`` are over or a file is readable: those files.

        ``unless`` is asked after ringers can see the sleeper: what happened just before is not missed.
        """
        poll = select.poll()
        watched = list(files)
        for file in (*watched, self._listen, *(() if self._control is None else (self._control,))):
            poll.register(file, select.POLLIN)
        self.asleep = True
        wait = 0.0 if unless is not None and unless() else seconds
        events = dict(poll.poll(max(wait, 0.0) * 1000))
        self.asleep = False
        if self._listen in events:
            self._drain_rings()
        if self._control in events:
            self._read_commands()
        return [file for file in watched if file in events]

    def order(self, command: Command) -> None:
        """Give a command from inside the process."""
        self._commands.append(command)
        self.ring()

    def commands(self) -> Iterator[Command]:
        """Commands that have come, each once."""
        while self._commands:
            yield self._commands.pop(0)

    def _drain_rings(self) -> None:
        with suppress(BlockingIOError):
            while os.read(self._listen, 4096):
                pass

    def _read_commands(self) -> None:
        assert self._control is not None, "polled only when there is one"
        try:
            text = os.read(self._control, 4096)
        except BlockingIOError:
            return
        if not text:
            self._control = None
            self._commands.append("orphaned")
            return
        *lines, self._rest = (self._rest + text).split(b"\n")
        self._commands += [line.decode() for line in lines]


def ring(bell: int) -> None:
    """End the sleep of the alarm that has this ``bell``, here or in another process."""
    # The pipe may be full of rings already, or the other process may be gone.
    with suppress(BlockingIOError, BrokenPipeError):
        os.write(bell, b"!")
