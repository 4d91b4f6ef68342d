"""Programs that tests start: ours, the framework's, and scripts of an application."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
FAMILY = "ASOK_TEST_FAMILY"
"""An environment variable with the name of a process family: all processes of a program inherit
it."""
PATIENCE = 50.0
"""Seconds that a test waits for a condition; a slow machine is not a failure."""


def environment(settings: Mapping[str, str], *paths: Path) -> dict[str, str]:
    """The environment of a program: ours, the given settings, and the paths of its modules."""
    found = {**os.environ, **settings}
    given = [Path(each) for each in (settings.get("PYTHONPATH", ""),) if each]
    found["PYTHONPATH"] = os.pathsep.join(str(path) for path in (*given, *paths, ROOT))
    found["PYTHONUNBUFFERED"] = "1"
    return found


def run_program(
    *words: str | Path,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    seconds: float = PATIENCE,
) -> subprocess.CompletedProcess[str]:
    """Run a program without input to its end; return its exit code and output."""
    return subprocess.run(
        words,
        env=env,
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )


def python(*arguments: str, env: Mapping[str, str], cwd: Path | None = None) -> str:
    """Run Python and return its output."""
    done = run_program(sys.executable, *arguments, env=env, cwd=cwd)
    assert done.returncode == 0, done.stderr
    return done.stdout


def status(env: Mapping[str, str]) -> dict[str, Any]:
    """The document of ``asok worker status --json``."""
    found: dict[str, Any] = json.loads(
        python("-m", "asok_console", "worker", "status", "--json", env=env)
    )
    return found


def family(name: str) -> list[int]:
    """The living processes of a family, oldest first."""
    mark = f"{FAMILY}={name}\0".encode()
    pids = sorted(int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit())
    return [pid for pid in pids if mark in _environment_of(pid) + b"\0"]


def kill_family(name: str) -> None:
    """Kill all processes of a family at once, before any of them can react.

    All their files and connections are closed when this returns.
    """
    while pids := family(name):
        for number in (signal.SIGSTOP, signal.SIGKILL):
            for pid in pids:
                with suppress(ProcessLookupError):
                    os.kill(pid, number)


def lives(pid: int) -> bool:
    """Whether a process has a living thread: its files are closed when the last one has ended."""
    with suppress(FileNotFoundError, ProcessLookupError):
        for thread in _threads(pid):
            with suppress(FileNotFoundError, ProcessLookupError):
                if _stat(thread)[0] not in "ZX":
                    return True
    return False


def _environment_of(pid: int) -> bytes:
    """The initial environment of a process; empty if it has ended, or cannot be read.

    During exec, and early in its exit, a process has none while its connections are still open, so
    that Redis could serve a blocked claim. So this waits until it has one or has ended."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            for thread in _threads(pid):
                # The main thread may have ended before the others.
                with suppress(FileNotFoundError, ProcessLookupError):
                    found = (thread / "environ").read_bytes()
                    if found or (thread / "cmdline").read_bytes():
                        return found
            if _is_of_the_kernel(pid) or not lives(pid):
                return b""
        except OSError:
            return b""
        assert time.monotonic() < end, f"process {pid} has neither started nor ended"
        time.sleep(0.001)


def _threads(pid: int) -> list[Path]:
    return list(Path(f"/proc/{pid}/task").iterdir())


def _is_of_the_kernel(pid: int) -> bool:
    return bool(int(_stat(Path(f"/proc/{pid}"))[6]) & 0x00200000)  # PF_KTHREAD


def _stat(process: Path) -> list[str]:
    """The fields of ``stat`` from the state on."""
    return (process / "stat").read_text().rpartition(")")[2].split()


@contextmanager
def running(
    *arguments: str, env: Mapping[str, str], cwd: Path | None = None
) -> Iterator[subprocess.Popen[str]]:
    """Run a Python program in the body; stop it by SIGTERM, and kill it if it does not stop."""
    name = uuid.uuid4().hex
    program = subprocess.Popen(
        [sys.executable, *arguments],
        env={**env, FAMILY: name},
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        yield program
        program.send_signal(signal.SIGTERM)
        try:
            program.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            program.send_signal(signal.SIGABRT)
            raise
    finally:
        kill_family(name)
        program.wait()
        if program.stdout is not None:
            program.stdout.close()


def wait_until(
    condition: Callable[[], object],
    what: str | Callable[[], str],
    seconds: float = PATIENCE,
    interval: float = 0.05,
) -> None:
    """Wait for a condition; fail with ``what`` if it is not met in time.

    If ``what`` is a function, it is called at that time, so that it can show the state.
    """
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(
                f"waited {seconds:g} s for {what if isinstance(what, str) else what()}"
            )
        time.sleep(interval)


def exit_code(pid: int) -> int:
    """Wait for the end of a forked process and return the exit code; kill it if it does not end."""
    ended: list[int] = []

    def over() -> bool:
        found, status = os.waitpid(pid, os.WNOHANG)
        if found:
            ended.append(os.waitstatus_to_exitcode(status))
        return bool(ended)

    try:
        wait_until(over, f"the end of the forked process {pid}", interval=0.01)
    finally:
        if not ended:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
    return ended[0]
