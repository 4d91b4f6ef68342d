"""What a traceback says: the exceptions of its chain, each with the line that raised it.

It is read from text, as Redis holds it, and anyone may have written the text: what does not look like a
traceback is one exception without frames. Nothing here raises.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

CAUSED = "The above exception was the direct cause of the following exception:"
HANDLED = "During handling of the above exception, another exception occurred:"
"""The lines that Python writes between the exceptions of a chain."""

LONGEST = 400_000
"""Characters from the end of a text that are read."""
MOST = 50
"""Exceptions of one chain that are distinguished."""
MOST_INSIDE = 5
"""Exceptions of a group that are named."""

_BETWEEN = re.compile(rf"^({re.escape(CAUSED)}|{re.escape(HANDLED)})$", re.MULTILINE)
_FRAME = re.compile(r'^ *File ".*", line \d+')
_CUT = "... (cut)"


class RaisedException(NamedTuple):
    """One exception of a chain. ``line`` is ``Type: text``, ``frame`` the innermost frame and its code.

    ``relation`` is how it follows from the one before: ``caused``, ``handling`` or nothing. ``inside`` are
    the lines of the first exceptions of a group.
    """

    line: str
    frame: tuple[str, ...] = ()
    relation: str = ""
    inside: tuple[str, ...] = ()


class ExceptionChain(NamedTuple):
    """The exceptions of a traceback, the first that was raised first. ``whole``: none was cut off."""

    raised: tuple[RaisedException, ...]
    whole: bool = True

    @property
    def root(self) -> RaisedException | None:
        """The exception that was raised first, as far as the text goes back."""
        return self.raised[0] if self.raised else None

    @property
    def outermost(self) -> RaisedException | None:
        """The exception that the worker got."""
        return self.raised[-1] if self.raised else None


def last_line(text: str | None) -> str:
    """The line of a traceback that says what happened; empty where there is none."""
    lines = [line for line in (text or "")[-2000:].splitlines() if line.strip()]
    return lines[-1].strip() if lines else ""


def chain_of(text: str) -> ExceptionChain:
    """The chain of a traceback, or of a single line that says what was raised."""
    whole = len(text) <= LONGEST and not text.startswith(_CUT)
    parts = _BETWEEN.split(text[-LONGEST:])
    blocks = [parts[0], *parts[2::2]][-MOST:]
    relations = ["", *("caused" if each == CAUSED else "handling" for each in parts[1::2])][-MOST:]
    raised = [
        found._replace(relation=relation)
        for block, relation in zip(blocks, relations, strict=True)
        if (found := _raised(block.splitlines()))
    ]
    return ExceptionChain(tuple(raised), whole and len(parts) // 2 < MOST)


def _raised(lines: Sequence[str]) -> RaisedException | None:
    """The exception of a block, which may be a group."""
    group = next((at for at, line in enumerate(lines) if _is_group(line)), None)
    # Of a group the first level is its own; what it holds is indented further.
    return _alone("\n".join(lines)) if group is None else _of_group(lines[group:])


def _alone(text: str) -> RaisedException | None:
    """What follows the last frame, or the last line."""
    lines = text.splitlines()
    frames = [at for at, line in enumerate(lines) if _FRAME.match(line)]
    if not frames:
        texts = [line.strip() for line in lines if line.strip() and line.strip() != _CUT]
        return RaisedException(texts[-1]) if texts else None
    last = frames[-1]
    end = _end_of_frame(lines, last)
    message = next((line.strip() for line in lines[end:] if line.strip()), "")
    return (
        RaisedException(message, tuple(line.rstrip() for line in lines[last:end]))
        if message
        else None
    )


def _end_of_frame(lines: Sequence[str], start: int) -> int:
    indent = len(lines[start]) - len(lines[start].lstrip())
    for at in range(start + 1, len(lines)):
        line = lines[at]
        if len(line) - len(line.lstrip()) <= indent:
            return at
    return len(lines)


def _is_group(line: str) -> bool:
    return line.strip() == "+ Exception Group Traceback (most recent call last):"


def _of_group(lines: Sequence[str]) -> RaisedException | None:
    """The group itself, and the exceptions in it: blocks behind a margin that is two cells deeper."""
    margin = lines[0][: len(lines[0]) - len(lines[0].lstrip())]
    own, blocks = [], list[list[str]]()
    for line in lines[1:]:
        if line.startswith(f"{margin}|"):
            own.append(line[len(margin) + 2 :])
        elif line.startswith((f"{margin}+-+", f"{margin}  +-")):
            blocks.append([])
        elif line.startswith(f"{margin}  |") and blocks:
            blocks[-1].append(line[len(margin) + 4 :])
    # The first of each. Groups in it are not read: the text of any program may nest them without end.
    inside = [_alone(_BETWEEN.split("\n".join(block))[0]) for block in blocks[:MOST_INSIDE]]
    raised = _alone("\n".join(own))
    return raised and raised._replace(inside=tuple(each.line for each in inside if each))
