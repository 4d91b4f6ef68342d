"""The stack of a running job: where its code is, as file, line and function, and never a value.

Two parts of a worker take it. A thread of the process walks the frames while Python code runs there.
Where a task holds the interpreter in C code, ``faulthandler`` writes the frames from a signal handler.
"""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

MOST_FRAMES = 100
"""Frames that are kept of a stack, from the innermost."""
LONGEST_PATH, LONGEST_FUNCTION = 300, 120
MOST_BYTES = 48 * 1024
"""Of the text of a stack."""
MOST_SAMPLES = 50
MOST_KEPT = 8 * 1024
"""Bytes of a stack in a record, which is read with the record."""

_PACKAGE = str(Path(__file__).parents[1]) + os.sep
_THREADING = re.compile(r"[\\/]threading\.py$")
_THREAD = re.compile(r"^(?:Current thread|Thread) 0x([0-9a-fA-F]+)\b")
_FRAME = re.compile(r'^ {2}File (?:"(.*)"|\?\?\?), line (\d+|\?\?\?) in (.*)$')


class StackFrame(NamedTuple):
    """Where a call is. ``line`` is 0 where it is not known."""

    file: str
    line: int
    function: str


Stack = tuple[StackFrame, ...]
"""The innermost call first."""


class StackSample(NamedTuple):
    """A stack, and in how many samples it was found."""

    times: int
    stack: Stack


@dataclass(frozen=True, slots=True)
class JobStack:
    """What a worker answered of a running job, or why it did not.

    ``problem`` is one line where there are no samples, or not all that were requested.
    """

    job_id: str
    process: str = ""
    """The process that runs it, as ``WORKER.NUMBER``."""
    phase: str = ""
    """``importing`` its module, ``preparing`` (hooks, arguments) or ``running``."""
    seconds: float | None = None
    """How long the job had been in that phase."""
    held: bool = False
    """Whether no Python code ran in the process: some thread holds the interpreter in C code."""
    samples: tuple[StackSample, ...] = ()
    """Different stacks, the most frequent first."""
    problem: str = ""

    @property
    def taken(self) -> int:
        """How many samples there are."""
        return sum(each.times for each in self.samples)

    @property
    def unchanged(self) -> bool:
        """Whether several samples, and all of them, have the same stack."""
        return self.taken > 1 and len(self.samples) == 1 and bool(self.samples[0].stack)


def shortened(frames: Iterable[StackFrame]) -> Stack:
    """A stack without the frames of the worker that called the task, within the limits of its size.

    Where there is nothing else, those are kept.
    """
    whole = [
        StackFrame(_end(each.file, LONGEST_PATH), each.line, each.function[:LONGEST_FUNCTION])
        for each in frames
    ]
    kept = len(whole)
    while kept and (whole[kept - 1].file.startswith(_PACKAGE) or _is_threading(whole[kept - 1])):
        kept -= 1
    stack = whole[:kept] or whole
    while len(stack) > MOST_FRAMES or len(_text(stack)) > MOST_BYTES:
        stack = stack[: min(MOST_FRAMES, len(stack) // 2 or 1)]
        if len(stack) == 1:
            break
    return tuple(stack)


def stack_in_dump(dump: str, ident: int) -> Stack:
    """The stack of thread ``ident`` in what ``faulthandler`` wrote of all threads; () where it is not.

    The last dump counts where there are several. A thread that ended may still be in it, without frames
    and under the number that its successor has now. Lines that are not frames are skipped: newer
    releases of Python add some.
    """
    found: list[StackFrame] = []
    inside = begins = False
    for line in dump.splitlines():
        if head := _THREAD.match(line):
            inside = begins = int(head[1], 16) == ident
        elif inside and (frame := _FRAME.match(line)):
            if begins:
                found, begins = [], False
            file, number, function = frame.groups()
            found.append(
                StackFrame(file or "???", int(number) if number.isdigit() else 0, function or "???")
            )
        elif inside and not line.startswith("  "):
            inside = False
    return shortened(found)


def merged(stacks: Iterable[Stack]) -> tuple[StackSample, ...]:
    """Equal stacks once each, the most frequent first."""
    return tuple(StackSample(count, stack) for stack, count in Counter(stacks).most_common())


def by_innermost(samples: Sequence[StackSample]) -> tuple[StackSample, ...]:
    """One sample for each innermost function, with the most frequent stack that ends there."""
    counts: Counter[tuple[str, str]] = Counter()
    stacks: dict[tuple[str, str], Stack] = {}
    for times, stack in samples:
        where = (stack[0].file, stack[0].function) if stack else ("", "")
        counts[where] += times
        stacks.setdefault(where, stack)
    return tuple(StackSample(count, stacks[where]) for where, count in counts.most_common())


class KeptStack(NamedTuple):
    """Where the code of a job was when a process was about to end."""

    why: str
    """``hard limit``, ``cancelled`` or ``worker stopped``."""
    attempt: int
    at: float
    process: str
    stack: Stack


def encode_kept(why: str, attempt: int, at: float, process: str, stack: Stack) -> str:
    """The stack as a record keeps it, cut from the outermost call where it is long; '' for none."""
    while stack:
        text = json.dumps([why, attempt, round(at, 3), process, stack], separators=(",", ":"))
        if len(text) <= MOST_KEPT:
            return text
        stack = stack[: len(stack) // 2]
    return ""


def decode_kept(text: str | None) -> KeptStack | None:
    """The stack in a record; None where there is none that can be read."""
    try:
        match json.loads(text or "null"):
            case [str(why), int(attempt), int(at) | float(at), str(process), list(value)]:
                stack = stack_of(value)
                return KeptStack(why, attempt, float(at), process, stack) if stack else None
    except (ValueError, RecursionError, OverflowError):
        pass
    return None


def stack_of(value: Any) -> Stack:
    """A stack from the value of its JSON; () where it is not one."""
    if not isinstance(value, list):
        return ()
    frames = []
    for each in value[:MOST_FRAMES]:
        match each:
            case [str(file), int(line), str(function)]:
                frames.append(StackFrame(file[:LONGEST_PATH], line, function[:LONGEST_FUNCTION]))
            case _:
                return ()
    return tuple(frames)


def encode_answer(answer: JobStack) -> str:
    """What a worker answers, as JSON."""
    return json.dumps(
        {
            "job": answer.job_id,
            "process": answer.process,
            "phase": answer.phase,
            "seconds": answer.seconds,
            "held": answer.held,
            "samples": answer.samples,
            "problem": answer.problem,
        }
    )


def decode_answer(text: bytes, job_id: str) -> JobStack:
    """The answer of a worker about a job. One that cannot be read has that as its problem."""
    try:
        known = json.loads(text)
        seconds = known["seconds"]
        return JobStack(
            job_id,
            str(known["process"]),
            str(known["phase"]),
            float(seconds) if isinstance(seconds, int | float) else None,
            held=known["held"] is True,
            samples=tuple(
                StackSample(max(int(count), 1), stack_of(stack))
                for count, stack in known["samples"][:MOST_SAMPLES]
            ),
            problem=str(known["problem"])[:500],
        )
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return JobStack(job_id, problem="the answer of its worker cannot be read")


def _text(stack: Sequence[StackFrame]) -> str:
    return json.dumps(stack, separators=(",", ":"))


def _end(text: str, most: int) -> str:
    return text if len(text) <= most else f"...{text[3 - most :]}"


def _is_threading(frame: StackFrame) -> bool:
    return _THREADING.search(frame.file) is not None
