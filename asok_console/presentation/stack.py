"""The stack of a running job in words, the same on the command line and in the console."""

from __future__ import annotations

from typing import Any

from asok_console.presentation import numbers
from asok_console.presentation.text import safe
from asok_core.inspection.stacks import (
    JobStack,
    KeptStack,
    Stack,
    StackFrame,
    StackSample,
    by_innermost,
)

LONGEST_PATH, LONGEST_FUNCTION = 300, 120
HELD = "no Python code runs in the process: a thread holds the interpreter in C code"
_PHASES = {"importing": "importing its module", "preparing": "in its before hooks"}


def frame_line(frame: StackFrame) -> str:
    """One call: its function, and where that is."""
    line = f":{frame.line}" if frame.line else ""
    where = f"{safe(frame.file, LONGEST_PATH)}{line}"
    return f"{safe(frame.function, LONGEST_FUNCTION)}  {where}"


def stack_lines(stack: Stack) -> list[str]:
    """A line for each call, the innermost first."""
    return [frame_line(each) for each in stack]


def heading(found: JobStack) -> str:
    """What was found, in one line."""
    where = f" in process {safe(found.process, 100)}" if found.process else ""
    phase = _PHASES.get(found.phase, "running")
    since = f" {phase} for {numbers.duration(found.seconds)}" if found.seconds is not None else ""
    samples = f", {found.taken} samples" if found.taken > 1 else ""
    return f"Job {safe(found.job_id, 200)}{since}{where}{samples}"


def answer_lines(found: JobStack) -> list[str]:
    """All that is known: heading, what is not known and why, stacks with how frequent they are."""
    lines = [heading(found)]
    if found.problem:
        lines.append(f"{'Incomplete' if found.samples else 'No stack'}: {safe(found.problem, 500)}")
    if found.held:
        lines.append(f"Note: {HELD}")
    groups = by_innermost(found.samples)
    for each in groups:
        if found.taken > 1:
            lines += ["", share(each, found.taken)]
        lines += (f"  {line}" for line in stack_lines(each.stack))
    return lines


def share(sample: StackSample, total: int) -> str:
    """How many of all samples end in the innermost function of a stack."""
    where = safe(sample.stack[0].function, LONGEST_FUNCTION) if sample.stack else "not known"
    return f"{sample.times} of {total} in {where}"


def kept_heading(kept: KeptStack) -> str:
    """What a stack in a record is."""
    return f"stack when attempt {kept.attempt} was ended ({safe(kept.why, 40)})"


def frames_document(stack: Stack) -> list[dict[str, Any]]:
    """The calls of a stack for programs, the innermost first."""
    return [
        {"file": each.file, "line": each.line or None, "function": each.function} for each in stack
    ]
