"""A child process that never outlives the process that started it, not even after ``kill -9``.

A tiny shell stands between the two. It starts the command, then waits on a pipe whose other end
only the owner holds. However the owner ends, the pipe closes, and the shell kills the command and
removes its folder. Nothing in this depends on the kernel beyond POSIX.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Self
from weakref import WeakSet

_SHELL = r"""
folder=$1
shift
"$@" 3>&1 >/dev/null &
echo $!
exec >/dev/null 2>&1
read -r order
kill -9 $!
wait
[ "$order" = keep ] || [ -z "$folder" ] || rm -rf -- "$folder"
"""
_PATIENCE = 10.0


class ManagedCommand:
    """A running command, tied to the life of this process.

    It runs in a session of its own, so that Ctrl+C in the terminal does not reach it, with SIGINT
    ignored unless it installs a handler. Its stdout goes nowhere; ``errors`` takes its stderr.

    Args:
        command: Program and arguments.
        folder: Removed, with all that is in it, once the command is gone.
        environment: The command's environment, by default that of this process.
        errors: The file that takes the command's stderr, by default none.
    """

    def __init__(
        self,
        command: Sequence[str | Path],
        *,
        folder: Path | None = None,
        environment: Mapping[str, str] | None = None,
        errors: Path | None = None,
    ) -> None:
        with (errors or Path(os.devnull)).open("ab") as stderr:
            self._shell = subprocess.Popen(
                ["/bin/sh", "-c", _SHELL, "tether", folder or "", *command],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                env=environment,
                start_new_session=True,
            )
        _alive.add(self)
        assert self._shell.stdout is not None
        self._output = self._shell.stdout
        self.pid = int(self._output.readline())
        """Process id of the command itself."""

    def wait(self, timeout: float) -> bool:
        """Wait up to ``timeout`` seconds for the command to end; return whether it has."""
        # The command holds the other end as its descriptor 3, and writes nothing to it.
        if self._output.closed:
            return True
        ended, _, _ = select.select([self._output], [], [], timeout)
        return bool(ended)

    def stop(self, *, timeout: float = 5.0) -> bool:
        """Ask the command to end (SIGTERM) and wait; return whether it did within ``timeout``."""
        self.send(signal.SIGTERM)
        return self.wait(timeout)

    def send(self, signum: signal.Signals) -> None:
        """Send the command a signal. A command that has ended is left alone."""
        # The shell has not waited for the command yet, so its number cannot be somebody else's.
        if self._shell.poll() is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, signum)

    def close(self, *, keep_folder: bool = False) -> None:
        """Kill what still runs, and remove the folder unless it is to be kept."""
        if self._shell.stdin is not None and not self._shell.stdin.closed:
            with suppress(BrokenPipeError):
                self._shell.stdin.write(b"keep\n" if keep_folder else b"")
                self._shell.stdin.close()
        self._shell.wait(_PATIENCE)
        self._output.close()
        _alive.discard(self)

    def let_go(self) -> None:
        """Close the copy of the pipe that a fork got, so that only the owner holds it."""
        if self._shell.stdin is not None:
            self._shell.stdin.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


_alive: WeakSet[ManagedCommand] = WeakSet()


def _let_go_of_all() -> None:
    for managed in list(_alive):
        managed.let_go()
    _alive.clear()


os.register_at_fork(after_in_child=_let_go_of_all)
