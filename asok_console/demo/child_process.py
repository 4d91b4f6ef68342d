"""A child process that never outlives the process that started it, not even after ``kill -9``.

A small shell runs between the two. It starts the command, then reads from a pipe whose other end only
the owner holds. When the owner ends, for whatever reason, the pipe closes, and the shell kills the
command and removes its folder. This requires nothing of the kernel beyond POSIX.
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
    """A running command that ends with this process.

    It runs in a session of its own, so that Ctrl+C in the terminal does not reach it, and SIGINT is
    ignored unless it installs a handler. Its standard output is dropped.

    Args:
        command: Program and arguments.
        folder: A folder to remove, with its contents, when the command has ended.
        environment: The environment of the command, by default that of this process.
        errors: The file to which standard error is appended, by default none.
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
                ["/bin/sh", "-c", _SHELL, "managed-command", folder or "", *command],
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
        """Process id of the command, not of the shell."""

    def wait(self, timeout: float) -> bool:
        """Wait up to ``timeout`` seconds for the command to end; return whether it has."""
        # The command has the other end as descriptor 3 and writes nothing to it: it is closed at its end.
        if self._output.closed:
            return True
        ended, _, _ = select.select([self._output], [], [], timeout)
        return bool(ended)

    def stop(self, *, timeout: float = 5.0) -> bool:
        """Send SIGTERM and wait up to ``timeout`` seconds; return whether the command has ended."""
        self.send(signal.SIGTERM)
        return self.wait(timeout)

    def send(self, signum: signal.Signals) -> None:
        """Send a signal to the command, unless it has ended."""
        # The shell has not reaped the command yet, so its number is not reused.
        if self._shell.poll() is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, signum)

    def close(self, *, keep_folder: bool = False) -> None:
        """Kill the command if it runs, and remove the folder unless ``keep_folder``."""
        if self._shell.stdin is not None and not self._shell.stdin.closed:
            with suppress(BrokenPipeError):
                self._shell.stdin.write(b"keep\n" if keep_folder else b"")
                self._shell.stdin.close()
        self._shell.wait(_PATIENCE)
        self._output.close()
        _alive.discard(self)

    def close_copy(self) -> None:
        """Close the copy of the pipe in a forked process, so that only the owner holds it."""
        if self._shell.stdin is not None:
            self._shell.stdin.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


_alive: WeakSet[ManagedCommand] = WeakSet()


def _close_copies() -> None:
    for managed in list(_alive):
        managed.close_copy()
    _alive.clear()


os.register_at_fork(after_in_child=_close_copies)
