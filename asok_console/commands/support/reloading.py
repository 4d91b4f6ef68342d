"""``asok worker --reload``: a worker that is started again when files of the application change.

For development: the worker is a process of its own, and ends each time as by SIGTERM.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Collection, Sequence
from pathlib import Path
from types import FrameType

from asok_console.commands.support.documents import say
from asok_console.presentation.text import safe
from asok_core.errors import UsageError
from asok_core.inspection.phrases import counted

OPTION = "--reload"
LOOK_MS = 300
"""Milliseconds between two looks at the worker while no file changes."""
ENDED = frozenset((0, 2))
"""Exit codes of a worker after which none is started: it was stopped, or an option is invalid."""
NAMED = 3


class Reloader:
    """Runs the worker of a command line, and another one after each change in ``folders``."""

    def __init__(self, words: Sequence[str], folders: Collection[str]) -> None:
        self._words = [each for each in words if each != OPTION]
        self._folders = folders
        self._stop = threading.Event()
        self._worker: subprocess.Popen[bytes] | None = None
        self._signalled: subprocess.Popen[bytes] | None = None

    def run(self) -> int:
        """Return the exit code of the last worker once a signal or a command has stopped it.

        Raises UsageError where the package that watches files is not installed.
        """
        try:
            from watchfiles import PythonFilter, watch
        except ImportError:
            raise UsageError(
                f"{OPTION} requires the package watchfiles: pip install 'asok-console[reload]'"
            ) from None
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT):
            signal.signal(number, self._forward)
        worker, waits = self._start(), False
        for changes in watch(
            *self._folders,
            watch_filter=PythonFilter(extra_extensions=(".env",)),
            stop_event=self._stop,
            rust_timeout=LOOK_MS,
            yield_on_timeout=True,
            raise_interrupt=False,
        ):
            code = worker.poll()
            if code in ENDED:
                return int(code or 0)
            if changes and not self._stop.is_set():
                say(f"asok: {_described({path for _, path in changes})}; starting the worker again")
                self._end(worker)
                if self._stop.is_set():
                    break
                worker, waits = self._start(), False
            elif code is not None and not waits:
                waits = True
                ended = f"the worker ended with exit code {_exit_code(code)}"
                say(f"asok: {ended}; waiting for a changed file")
        if self._signalled is not worker:
            # The signal came while there was no worker, or the one before.
            self._end(worker)
        return _exit_code(worker.wait())

    def _start(self) -> subprocess.Popen[bytes]:
        # A group of its own: Ctrl+C in a terminal would reach it twice, once from here.
        self._worker = subprocess.Popen(
            [sys.executable, "-P", "-m", "asok_console", *self._words], process_group=0
        )
        return self._worker

    def _end(self, worker: subprocess.Popen[bytes]) -> None:
        if worker.poll() is None:
            worker.terminate()
        worker.wait()

    def _forward(self, number: int, _frame: FrameType | None) -> None:
        self._stop.set()
        self._signalled = self._worker
        if self._worker is not None and self._worker.returncode is None:
            os.kill(self._worker.pid, number)


def _exit_code(code: int) -> int:
    """As a shell has it: 143 of a worker that SIGTERM ended before it could stop in order."""
    return 128 - code if code < 0 else code


def _described(paths: Collection[str]) -> str:
    names = sorted(os.path.relpath(each) for each in paths)
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return f"{counted(len(names), 'file')} changed ({safe(', '.join(names[:NAMED]), 300)}{more})"


def watched(app: str) -> list[str]:
    """The folders of the application: ``app`` if it is given, and the working directory."""
    here = str(Path.cwd())
    return [here] if not app or Path(app).is_relative_to(here) else [app, here]
