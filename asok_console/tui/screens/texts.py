"""The longer texts of a job: arguments and results as JSON, tracebacks with what failed first."""

from __future__ import annotations

import json

from textual.content import Content

from asok_console.present.text import plain_json, safe, safe_block
from asok_console.tui.cells import last_line

HIGHLIGHTED = 32_000
"""Characters up to which a text is coloured; beyond that it takes too long."""
SHOWN = 60_000
LINES = 1000
"""Characters and lines of a text that are shown at all: laying out more would stop the screen."""
FRAME = 20
"""Lines of the failing frame that stand before the whole traceback."""


def rendered(name: str, source: object) -> Content:
    """A section of the screen of a job, by its name."""
    if not source:
        return Content("")
    if name == "error":
        return _failure(str(source))
    if name == "result_error":
        return Content.styled(safe(str(source), SHOWN), "$tone-warn")
    if name == "traceback":
        return _coloured(_bounded(safe_block(str(source), SHOWN).rstrip()), "pytb")
    if isinstance(source, str):
        return _coloured(_bounded(_pretty(source)), "json")
    return _coloured(_bounded(plain_json(source, indent=2, limit=SHOWN)), "json")


def _pretty(text: str) -> str:
    try:
        return plain_json(json.loads(text), indent=2, limit=SHOWN)
    except (ValueError, RecursionError):
        return safe_block(text, SHOWN)


def _bounded(text: str) -> str:
    lines = text.split("\n", LINES)
    if len(lines) > LINES:
        lines[LINES:] = ["…"]
    return "\n".join(lines)


def _failure(text: str) -> Content:
    """What was raised, and the frame that raised it."""
    headline = Content.styled(safe(last_line(text), 400), "bold $tone-bad")
    frame = _failing_frame(safe_block(text[-SHOWN:]))
    return Content("\n").join([headline, *([_coloured(frame, "pytb")] if frame else [])])


def _failing_frame(traceback: str) -> str:
    """The innermost frame: the last ``File`` line and the code under it."""
    lines = traceback.splitlines()
    starts = [i for i, line in enumerate(lines) if line.startswith('  File "')]
    if not starts:
        return ""
    last = starts[-1]
    end = next((i for i in range(last + 1, len(lines)) if not lines[i].startswith("    ")), None)
    return "\n".join(lines[last:end][:FRAME])


def _coloured(text: str, language: str) -> Content:
    if len(text) > HIGHLIGHTED:
        return Content(text)
    from textual.highlight import highlight

    return highlight(text, language=language)
