"""Calls with a time limit: what takes longer is ended where Python code runs."""

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


def test_an_error_whose_text_hangs_in_python_leaves_no_thread_that_runs_on() -> None:
    """Its text is asked for more than once, and what that raises is passed over: once does not do."""
    before = set(threading.enumerate())
    assert "HangsInPython" in failure_of(HangsInPython(), 1000).line
    wait_until(lambda: set(threading.enumerate()) <= before, "the end of its thread", 20)


def test_what_hangs_in_c_is_given_up_after_a_number_of_threads() -> None:
    def hang() -> str:
        return str(HangsInC())

    for _ in range(MOST_ABANDONED):
        assert call_within(0.01, hang, "too late") == "too late"
    assert call_within(20, lambda: "text", "not tried") == "not tried"
    # What the standard library alone makes the text of needs no thread, and waits for nobody.
    group = ExceptionGroup("several", [ValueError("one"), ExceptionGroup("in", [OSError(2, "x")])])
    assert failure_of(group, 10_000).line == "ExceptionGroup: several (2 sub-exceptions)"
    assert "ValueError: one" in failure_of(group, 10_000).traceback
    hostile = ExceptionGroup("several", [ValueError("one"), HangsInC()])
    assert "(no text: " in failure_of(hostile, 10_000).line
    LET_GO.set()
    wait_until(lambda: call_within(20, lambda: "text", "not tried") == "text", "the next call")


STANDS_STILL = """
import os, sys
from asok_core.runtime.bounded import call_within
def text():
    print("begun", flush=True)
    sys.stdin.readline()
    return "text"
print(call_within(2, text, "too late"), flush=True)
"""


def test_a_time_limit_does_not_pass_while_the_process_stands_still() -> None:
    """As on a machine that gives it no processor: what the call lacked, its limit must not count."""
    with subprocess.Popen(
        [sys.executable, "-c", STANDS_STILL],
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
