"""Programs that take over the terminal while the console is suspended: a pager and an editor.

Each runs in the foreground of the terminal. However it ends, the console gets its terminal back. A file
that an editor wrote is removed, unless its changes were not made: then its path is reported.
"""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import termios
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

from textual.app import App, SuspendNotSupported

from asok_core.runtime.whole_file import whole_file

FILE = "arguments.json"
"""Editors choose the highlighting by this name."""
END_WITHIN = 2.0
"""Seconds that a program has to end after a signal to the console; less than ``terminal.PATIENCE``."""

_PAGERS, _EDITORS = ("less",), ("vi", "nano")
"""What is used where no variable names a program."""


class ProgramFailed(Exception):
    """A program could not be run, or failed. Its text is one line for a person.

    ``kept`` is the file with the changes that were not made, if there is one.
    """

    def __init__(self, line: str, kept: Path | None = None) -> None:
        super().__init__(f"{line}; what was written is kept in {kept}" if kept else line)
        self.kept = kept


def has_pager() -> bool:
    """Whether there is a pager: ``PAGER``, unless it is empty or ``cat``, or less where it is unset."""
    if "PAGER" in os.environ:
        return os.environ["PAGER"].strip() not in ("", "cat")
    return any(shutil.which(each) for each in _PAGERS)


def page(app: App[Any], text: str) -> None:
    """Show a text in ``$PAGER``. It must be safe for a terminal. Raises ProgramFailed."""
    name, command = _command(("PAGER",), _PAGERS)
    _run(app, name, command, text)


def edit(app: App[Any], text: str) -> str:
    """Open a text in ``$VISUAL`` or ``$EDITOR``; return what was saved. Raises ProgramFailed."""
    name, command = _command(("VISUAL", "EDITOR"), _EDITORS)
    path = _written(text + "\n", name)
    try:
        _run(app, name, [*command, str(path)])
        saved = path.read_bytes().decode()
    except UnicodeDecodeError:
        line = f"{name} saved text that is not UTF-8; nothing was changed"
        raise ProgramFailed(line, _kept(path, text)) from None
    except OSError as error:
        line = f"cannot read what {name} saved: {error.strerror}; nothing was changed"
        raise ProgramFailed(line, _kept(path, text)) from None
    except ProgramFailed as error:
        raise ProgramFailed(f"{error}; nothing was changed", _kept(path, text)) from None
    except BaseException:
        _kept(path, text)
        raise
    shutil.rmtree(path.parent, ignore_errors=True)
    return saved


def keep(text: str) -> Path:
    """Write a text that must not be lost to a file that only its owner can read. Raises ProgramFailed."""
    return _written(text + "\n", "its owner")


def _written(text: str, name: str) -> Path:
    """A file that its owner alone can read, in a directory of its own: editors leave copies beside it."""
    directory = ""
    try:
        directory = tempfile.mkdtemp(prefix="asok-")
        path = Path(directory, FILE)
        with whole_file(path, replace=True) as file:
            file.write(text)
    except OSError as error:
        if directory:
            shutil.rmtree(directory, ignore_errors=True)
        line = f"cannot write a file for {name}: {error.strerror}; nothing was changed"
        raise ProgramFailed(line) from None
    return path


def _kept(path: Path, text: str) -> Path | None:
    """What is to be kept of an editor that failed: the file it changed, or one that it left beside it."""
    with suppress(OSError):
        if path.exists() and path.read_bytes() != f"{text}\n".encode():
            return path
        # An editor that is ended by a signal saves what was not written yet, as vi in a swap file.
        beside = [each for each in path.parent.iterdir() if each != path]
        if beside:
            return beside[0]
    shutil.rmtree(path.parent, ignore_errors=True)
    return None


def _command(variables: Sequence[str], usual: Sequence[str]) -> tuple[str, list[str]]:
    """The name by which messages call the program, and its command line."""
    variable = next((each for each in variables if os.environ.get(each, "").strip()), "")
    if not variable:
        found = next((each for each in usual if shutil.which(each)), None)
        if found is None:
            raise ProgramFailed(
                f"{variables[-1]} is not set and {' and '.join(usual)} are not on the PATH; "
                f"set {variables[-1]} to a program"
            )
        return f"'{found}'", [found]
    value = os.environ[variable]
    try:
        command = shlex.split(value)
    except ValueError as error:
        raise ProgramFailed(
            f"{variable} is {value!r}, which is not a command line: {error}"
        ) from None
    if not command or shutil.which(command[0]) is None:
        first = command[0] if command else ""
        raise ProgramFailed(
            f"{variable} is {value!r}; {first!r} was not found on the PATH or is not executable: "
            f"set {variable} to an installed program"
        )
    return f"{variable} ({value})", command


def _run(app: App[Any], name: str, command: Sequence[str], text: str | None = None) -> None:
    """Run a program with the terminal, ``text`` on its standard input. Raises ProgramFailed."""
    try:
        with app.suspend():
            # Nothing may leave this block by an exception: the terminal would not be taken back.
            code, problem = _foreground(command, text)
    except SuspendNotSupported:
        raise ProgramFailed("this terminal cannot be handed to another program") from None
    if problem:
        raise ProgramFailed(f"{name} cannot be run: {problem}")
    if code:
        how = f"was ended by signal {-code}" if code < 0 else f"failed with exit code {code}"
        raise ProgramFailed(f"{name} {how}")


def _foreground(command: Sequence[str], text: str | None) -> tuple[int, str]:
    """Exit code, and why it could not be run."""
    ending = _Ending()
    try:
        with (
            ending,
            subprocess.Popen(
                command,
                # The console draws on standard error: standard output may lead to a file.
                stdin=sys.__stdin__ if text is None else subprocess.PIPE,
                stdout=sys.__stderr__,
                stderr=sys.__stderr__,
                env=_environment(),
                text=True,
                encoding="utf-8",
                errors="backslashreplace",
            ) as program,
        ):
            ending.watch(program)
            program.communicate(text)
            # A program that handles the signal may end as if it had done its work.
            return program.returncode or ending.signal, ""
    except OSError as error:
        return 0, error.strerror or str(error)
    except Exception as error:  # noqa: BLE001 - the terminal has to be taken back whatever it is
        return 0, f"{type(error).__name__}: {error}"
    finally:
        # What was typed for the program must not be a key of the console.
        with suppress(termios.error, OSError, ValueError):
            termios.tcflush(0, termios.TCIFLUSH)


def _environment() -> dict[str, str]:
    environment = dict(os.environ)
    if environment.get("LESS"):
        # With its option F a text that fits on the screen would be gone before it is read.
        environment["LESS"] += " -+F"
    return environment


class _Ending:
    """Ignores Ctrl+C, which is for the program, and ends the program when the console must end.

    The event loop does not run while the program does. It handles SIGTERM and SIGHUP afterwards.
    """

    def __init__(self) -> None:
        self.signal = 0
        """The negative number of the signal that ends the console, as an exit code says it."""
        self._program: subprocess.Popen[str] | None = None
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        # A handler and not SIG_IGN, which the program would inherit.
        handlers = {
            signal.SIGINT: lambda *_: None,
            signal.SIGTERM: self._end,
            signal.SIGHUP: self._end,
        }
        for number, handler in handlers.items():
            self._before[number] = signal.signal(number, handler)
        return self

    def watch(self, program: subprocess.Popen[str]) -> None:
        """The program that is to end; at once if a signal came before it was there."""
        self._program = program
        if self.signal:
            self._end(-self.signal)

    def _end(self, number: int, *_: object) -> None:
        self.signal = -number
        if self._program is not None:
            self._program.terminate()
            last_resort = threading.Timer(END_WITHIN, self._program.kill)
            last_resort.daemon = True
            last_resort.start()

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
