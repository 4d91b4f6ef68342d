"""A process that a task forks ends where the task ends, also where no worker runs it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.programs import PATIENCE, environment

APP = Path(__file__).with_name("forking_app.py")


def run(backend: str, *arguments: str) -> tuple[str, str]:
    """What the application wrote to stdout and stderr."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", str(APP), *arguments],
        env=environment({"ASOK_QUEUE_BACKEND": backend}),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=True,
    )
    return done.stdout, done.stderr


@pytest.mark.parametrize("backend", ["local", "eager"])
@pytest.mark.parametrize(
    ("way", "code", "words"),
    [
        ("return", 70, "in a job of __main__.fork and did not exit"),
        ("raise", 1, "ValueError: raised in the child"),
        ("exit", 3, ""),
    ],
)
def test_a_forked_process_ends_where_its_task_ends(
    backend: str, way: str, code: int, words: str
) -> None:
    stdout, stderr = run(backend, "fork", way)
    assert stdout == f"True {code} [{code}]\n"
    assert words in stderr
    assert "Background task" not in stderr


@pytest.mark.parametrize("backend", ["local", "eager"])
def test_jobs_of_a_forked_process_end_as_usual(backend: str) -> None:
    assert run(backend, "fork_again_and_enqueue", "") == ("True 0 [0]\n", "")
