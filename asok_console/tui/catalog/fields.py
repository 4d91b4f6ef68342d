"""What actions ask for before they are confirmed, and what is wrong with an answer."""

from __future__ import annotations

import time
from pathlib import Path

from asok_console.tui.catalog.plan import Field, Plan
from asok_core.operations.canary import FIRST, RATE

MOST_BIRDS = 1000
FASTEST = 1_000_000.0


def _number(answer: str, most: float, *, whole: bool) -> str:
    try:
        number = float(answer)
    except ValueError:
        return f"{answer!r} is not a number"
    if whole and not answer.isdigit():
        return f"{answer!r} is not a whole number"
    return "" if 0 < number <= most else f"it is from 1 to {most:,.0f}"


def _new_file(answer: str, _plan: Plan) -> str:
    if not answer or answer == "-":
        return "a file needs a name"
    try:
        path = Path(answer).expanduser()
        if path.exists() or path.is_symlink():
            return "it exists already, and is never overwritten"
        return "" if path.parent.is_dir() else f"there is no folder {path.parent}"
    except (OSError, ValueError, RuntimeError) as error:
        return str(error)


def _other_queue(answer: str, plan: Plan) -> str:
    if answer == plan.scope.queue:
        return "they are there already"
    if answer in plan.choices:
        return ""
    return f"there is no queue {answer!r}" if answer else "a queue needs a name"


def _file_name() -> str:
    return time.strftime("dead-letters-%Y%m%d-%H%M%S.jsonl")


CANARY = (
    Field("first", "Send first", lambda answer, _: _number(answer, MOST_BIRDS, whole=True),
          lambda: str(FIRST)),
    Field("rate", "Then, a second", lambda answer, _: _number(answer, FASTEST, whole=False),
          lambda: f"{RATE:g}"),
)  # fmt: skip
FILE = (Field("file", "File", _new_file, _file_name),)
QUEUE = (Field("queue", "Queue", _other_queue),)
