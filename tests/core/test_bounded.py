"""Calls with a time limit: what takes longer is ended where Python code runs."""

from __future__ import annotations

import threading

from asok_core.bounded import MOST_ABANDONED, call_within
from asok_core.failures import failure_of
from tests.core.hostile_errors import LET_GO, HangsInC, HangsInPython
from tests.programs import wait_until


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
    LET_GO.set()
    wait_until(lambda: call_within(20, lambda: "text", "not tried") == "text", "the next call")
