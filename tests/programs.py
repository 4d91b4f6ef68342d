"""Real programs that tests start: ours, the framework's, and small scripts of an application."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
FAMILY = "ASOK_TEST_FAMILY"
"""A variable that everything a program starts inherits, in whatever session: its own family's name."""
PATIENCE = 50.0
"""Seconds a test waits for what must come; a slow machine is no failure."""


def environment(settings: Mapping[str, str], *paths: Path) -> dict[str, str]:
    """The environment of a program: ours, the given settings, and where its modules are."""
    found = {**os.environ, **settings}
    given = [Path(each) for each in (settings.get("PYTHONPATH", ""),) if each]
    found["PYTHONPATH"] = os.pathsep.join(str(path) for path in (*given, *paths, ROOT))
    found["PYTHONUNBUFFERED"] = "1"
    return found


def python(*arguments: str, env: Mapping[str, str], cwd: Path | None = None) -> str:
    """Run Python to its end and return what it printed."""
    done = subprocess.run(
        [sys.executable, *arguments],
        env=env,
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def status(env: Mapping[str, str]) -> dict[str, Any]:
    """What ``asok worker status --json`` says."""
    found: dict[str, Any] = json.loads(
        python("-m", "asok_console", "worker", "status", "--json", env=env)
    )
    return found


def family(name: str) -> list[int]:
    """The living processes of a family, oldest first."""
    mark, found = f"{FAMILY}={name}\0".encode(), []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            # One that has ended, even if nobody has waited for it, has no environment any more.
            with suppress(OSError):
                if mark in (entry / "environ").read_bytes() + b"\0":
                    found.append(int(entry.name))
    return sorted(found)


def kill_family(name: str) -> None:
    """End all of a family at once: none of them sees another die."""
    while pids := family(name):
        for number in (signal.SIGSTOP, signal.SIGKILL):
            for pid in pids:
                with suppress(ProcessLookupError):
                    os.kill(pid, number)


def lives(pid: int) -> bool:
    """Whether there is a process that has not ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


@contextmanager
def running(
    *arguments: str, env: Mapping[str, str], cwd: Path | None = None
) -> Iterator[subprocess.Popen[str]]:
    """A Python program that is stopped by SIGTERM at the end, and killed if it does not stop."""
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


def wait_until(condition: Callable[[], object], what: str, seconds: float = PATIENCE) -> None:
    """Wait for a condition, or fail saying what never came."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"{what} did not come within {seconds:g} s"
        time.sleep(0.05)


def systemd_analyze() -> str:
    """The path of systemd-analyze. Where it is missing a test is skipped, but in CI it fails."""
    found = shutil.which("systemd-analyze")
    if found is None:
        if sys.platform == "linux" and os.environ.get("CI"):
            pytest.fail("systemd-analyze is missing: on Debian, apt install systemd", pytrace=False)
        pytest.skip("systemd-analyze is missing: on Debian, apt install systemd")
    return found


def free_port() -> int:
    """A TCP port of this machine that nobody listens on."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
