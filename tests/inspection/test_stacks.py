"""Stacks as values: dumps of ``faulthandler`` on this Python, merging, limits, texts from outside."""

from __future__ import annotations

import json
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from asok_core.inspection import stacks
from asok_core.inspection.stacks import (
    MOST_BYTES,
    MOST_FRAMES,
    JobStack,
    StackFrame,
    StackSample,
    by_innermost,
    decode_answer,
    encode_answer,
    merged,
    shortened,
    stack_in_dump,
    stack_of,
)
from tests.programs import run_program

WAITING = """
import faulthandler, threading

began, end = threading.Event(), threading.Event()

def waits_here():
    began.set()
    end.wait()

def dump():
    faulthandler.dump_traceback(all_threads=True)

thread = threading.Thread(target=waits_here, name="a 'name' [odd]")
thread.start()
began.wait()
dump()
end.set()
print(thread.ident, threading.get_ident())
"""


def test_a_dump_of_this_python_is_read() -> None:
    """Of a new process: one that has run thousands of tests may have more threads than are written."""
    ran = run_program(sys.executable, "-c", WAITING)
    assert ran.returncode == 0, ran.stderr
    other, own = map(int, ran.stdout.split())
    assert "waits_here" in [each.function for each in stack_in_dump(ran.stderr, other)]
    mine = stack_in_dump(ran.stderr, own)
    assert (mine[0].file, mine[0].function) == ("<string>", "dump")
    assert stack_in_dump(ran.stderr, 1) == ()


def test_a_thread_without_frames_hides_none_that_has_its_number_now() -> None:
    ended = "\nThread 0x00007f0000000001 (most recent call first):\n  <no Python frame>\n"
    assert stack_in_dump(DUMP + ended, 0x7F0000000001) == (StackFrame("/app/b.py", 7, "later"),)


DUMP = """\
Thread 0x00007f0000000001 [asok-0] (most recent call first):
  File "/app/caf\\xe9 \\"x\\".py", line 3 in run
  ...
  File ???, line ??? in ???

Current thread 0x00007f0000000002 (most recent call first):
  <no Python frame>

Extension modules: a, b (total: 2)
Thread 0x00007f0000000001 (most recent call first):
  File "/app/b.py", line 7 in later
Current thread's C stack trace (most recent call first):
  Binary file "/usr/bin/python3"
"""


def test_forms_of_other_releases_are_read_and_the_last_dump_counts() -> None:
    first, _, _ = DUMP.partition("Extension")
    assert stack_in_dump(first, 0x7F0000000001) == (
        StackFrame('/app/caf\\xe9 \\"x\\".py', 3, "run"),
        StackFrame("???", 0, "???"),
    )
    assert stack_in_dump(DUMP, 0x7F0000000001) == (StackFrame("/app/b.py", 7, "later"),)
    assert stack_in_dump(DUMP, 0x7F0000000002) == ()


@pytest.mark.parametrize("text", ["", "\0\0", "Thread 0x", "  File", DUMP[:70], DUMP[40:]])
def test_a_dump_that_is_cut_off_is_no_error(text: str) -> None:
    stack_in_dump(text, 0x7F0000000001)


def test_frames_of_the_worker_are_left_out_where_others_are_there() -> None:
    package = str(Path(stacks.__file__).parents[1])
    ours = StackFrame(f"{package}/execution/attempt.py", 5, "_called")
    waits = StackFrame(f"{package}/jobs/futures.py", 9, "result")
    task, thread = StackFrame("/app/tasks.py", 1, "send"), StackFrame(threading.__file__, 9, "run")
    assert shortened([waits, task, ours, ours, thread]) == (waits, task)
    assert shortened([ours, thread]) == (ours, thread)
    assert shortened([]) == ()


def test_a_stack_is_bounded() -> None:
    frame = StackFrame("/x" * 5000 + "/end.py", 1, "f" * 5000)
    found = shortened([frame] * 5000)
    assert len(json.dumps(found, separators=(",", ":"))) <= MOST_BYTES
    assert len(found) <= MOST_FRAMES
    assert found[0].file.endswith("/end.py")
    wide = shortened([StackFrame("\udcff" * 300, 1, "\U0001f600" * 120)] * 100)
    assert 0 < len(json.dumps(wide, separators=(",", ":"))) <= MOST_BYTES
    assert stack_of(json.loads(json.dumps(wide))) == wide


def test_samples_merge() -> None:
    a, b = StackFrame("ssl.py", 1103, "read"), StackFrame("ssl.py", 1107, "read")
    task, other = StackFrame("t.py", 1, "send"), StackFrame("t.py", 2, "other")
    found = merged([(a, task)] * 4 + [(b, task)] * 3 + [(other,)] * 2)
    assert found[0] == StackSample(4, (a, task))
    assert by_innermost(found) == (StackSample(7, (a, task)), StackSample(2, (other,)))
    assert by_innermost(()) == ()


def test_an_answer_survives_its_text_and_no_text_raises() -> None:
    answer = JobStack(
        "j", "w.1", "running", 1.5, held=True, samples=(StackSample(2, (StackFrame("f", 1, "g"),)),)
    )
    assert decode_answer(encode_answer(answer).encode(), "j") == answer
    for text in (b"", b"[]", b"{}", b"\xff", b"[" * 9999, b'{"seconds": 1}', b"null"):
        assert decode_answer(text, "j").problem == "the answer of its worker cannot be read"
    whole = encode_answer(answer)
    for part, huge in (("1.5", "1" + "0" * 400), ("[[2, ", "[[1e999, ")):
        assert part in whole
        text = whole.replace(part, huge).encode()
        assert decode_answer(text, "j").problem == "the answer of its worker cannot be read"
    wrong: tuple[Any, ...] = ("", {}, [1], [["a", "b", "c"]], [["a", 1]], None)
    for value in wrong:
        assert stack_of(value) == ()
