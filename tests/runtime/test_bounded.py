"""Calls with a time limit: one that takes longer is ended if it runs Python code."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time

import pytest

from asok_core.runtime.bounded import MOST_ABANDONED, call_within
from asok_core.runtime.failures import failure_of
from tests.programs import wait_until
from tests.samples.hostile_errors import LET_GO, HangsInC, HangsInPython

pytestmark = pytest.mark.usefixtures("hanging_threads_end")


def test_an_error_whose_text_hangs_in_python_leaves_no_running_thread() -> None:
    """traceback calls str() repeatedly and ignores exceptions, so that one SystemExit is not
    enough.
    """
    before = set(threading.enumerate())
    assert "HangsInPython" in failure_of(HangsInPython(), 1000).line
    wait_until(lambda: set(threading.enumerate()) <= before, "the end of its thread", 20)


def test_calls_that_hang_in_c_are_limited_to_a_number_of_threads() -> None:
    def hang() -> str:
        return str(HangsInC())

    for _ in range(MOST_ABANDONED):
        assert call_within(0.01, hang, "too late") == "too late"
    assert call_within(20, lambda: "text", "not tried") == "not tried"
    # Text that only the standard library creates needs no thread.
    group = ExceptionGroup("several", [ValueError("one"), ExceptionGroup("in", [OSError(2, "x")])])
    assert failure_of(group, 10_000).line == "ExceptionGroup: several (2 sub-exceptions)"
    assert "ValueError: one" in failure_of(group, 10_000).traceback
    hostile = ExceptionGroup("several", [ValueError("one"), HangsInC()])
    assert "(no text: " in failure_of(hostile, 10_000).line
    LET_GO.set()
    wait_until(lambda: call_within(20, lambda: "text", "not tried") == "text", "the next call")


SUSPENDED = """
import os, sys
from asok_core.runtime.bounded import call_within
def text():
    print("begun", flush=True)
    sys.stdin.readline()
    return "text"
print(call_within(2, text, "too late"), flush=True)
"""


def test_a_time_limit_does_not_pass_while_the_process_is_suspended() -> None:
    """As on a machine without free CPU time: the limit must not count time in which the call did
    not run.
    """
    with subprocess.Popen(
        [sys.executable, "-c", SUSPENDED],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        process.send_signal(signal.SIGSTOP)
        until = time.monotonic() + 2.1
        wait_until(lambda: time.monotonic() > until, "the time limit")
        process.stdin.write("\n")
        process.stdin.flush()
        process.send_signal(signal.SIGCONT)
        assert process.stdout.readline() == "text\n"
