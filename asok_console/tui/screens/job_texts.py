"""The longer texts of a job: arguments and results as JSON, errors with their root cause, tracebacks."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from rich.cells import chop_cells
from textual.content import Content

from asok_console.presentation.fitting import fit_middle, wrap_cells
from asok_console.presentation.text import framed, plain_json, safe, safe_block
from asok_core.inspection.tracebacks import RaisedException, chain_of, last_line

HIGHLIGHTED = 32_000
"""Characters up to which a text is coloured; beyond that it takes too long."""
SHOWN = 10_000
LINES = 200
"""Characters and lines of a text that are shown among the others; FullTextDialog shows all."""
WRAPPED = 4
"""Lines of what was raised that come before the whole traceback."""
_FRAME = re.compile(r'^ *File "(.*)", line (\d+)(?:, in (.*))?$')
LABEL = 13
"""Cells for what an exception is: the root cause, or what was raised in the end."""


def rendered(name: str, source: object, width: int) -> Content:
    """A section of the job page, by its name; ``width``: cells of a line."""
    if not source:
        return Content("")
    if name == "error":
        return _failure(str(source), width)
    if name in ("note", "result_error"):
        return Content.styled(safe(str(source), SHOWN), "" if name == "note" else "$tone-warn")
    if name == "stack":
        return Content(_bounded(plain(source)))
    if name == "traceback":
        # What was raised is at the end.
        return _coloured(_bounded(framed(safe_block(str(source))).rstrip(), end=True), "pytb")
    text = plain(source)
    shown = _bounded(text)
    # Half a string would be coloured as an error.
    return _coloured(shown, "json") if shown == text else Content(shown)


def _pretty(text: str) -> str:
    try:
        return plain_json(json.loads(text), indent=2)
    except (ValueError, RecursionError):
        return safe_block(text)


def plain(source: object) -> str:
    """All of a section as text that is safe to show in a frame."""
    return framed(_pretty(source) if isinstance(source, str) else plain_json(source, indent=2))


def _bounded(text: str, *, end: bool = False) -> str:
    """The beginning of a text, or its end, and a line that says how much is left out."""
    shown = text[-SHOWN:] if end else text[:SHOWN]
    lines = shown.split("\n")
    lines = lines[-LINES:] if end else lines[:LINES]
    shown = "\n".join(lines)
    if len(shown) == len(text):
        return text
    left_out = f"{len(text) - len(shown):,} characters are left out: v shows all"
    return f"… the first {left_out}\n{shown}" if end else f"{shown}\n… the other {left_out}"


def _failure(text: str, width: int) -> Content:
    """The root cause and the outermost exception, each with the frame that raised it."""
    chain = chain_of(text)
    root, last = chain.root, chain.outermost
    if root is None or last is None:
        return Content.styled(safe(last_line(text), 400), "bold $tone-bad")
    if root is last:
        lines = [] if chain.whole else [_dim("The beginning of the traceback was not kept.")]
        return Content("\n").join([*_raised("", root, width), *lines])
    between = len(chain.raised) - 2
    skipped = (
        f"{between} {'exception' if between == 1 else 'exceptions'} between: see the traceback"
    )
    return Content("\n").join(
        [
            *_raised("Root cause" if chain.whole else "First kept", root, width),
            *([_dim(f"{'':<{LABEL}}{skipped}")] if between else []),
            *_raised("Raised as" if last.relation == "caused" else "Then raised", last, width),
        ]
    )


def _raised(label: str, raised: RaisedException, width: int) -> Iterator[Content]:
    margin = LABEL if label else 0
    room = max(width - margin, 20)
    for at, line in enumerate(wrap_cells(safe(raised.line, 400), room)[:WRAPPED] or [""]):
        named = f"{label if at == 0 else '':<{margin}}"
        yield Content.assemble((named, "$tone-dim"), (line, "bold $tone-bad"))
    for inside in raised.inside:
        yield _dim(f"{'':<{margin}}· {safe(inside, room)}")
    if raised.frame:
        where, *code = raised.frame
        yield _dim(f"{'':<{margin}}{fit_middle(safe(_location(where), 400), room)}")
        if code and code[0].strip():
            line = safe(code[0].strip(), room)
            yield Content.assemble(" " * margin, _coloured(line, "python"))


def _location(line: str) -> str:
    """``path:number in function`` of the line of a frame."""
    found = _FRAME.match(line)
    return (
        f"{found[1]}:{found[2]}{f' in {found[3]}' if found[3] else ''}" if found else line.strip()
    )


def _dim(text: str) -> Content:
    return Content.styled(text, "$tone-dim")


def _coloured(text: str, language: str) -> Content:
    if len(text) > HIGHLIGHTED:
        return Content(text)
    from textual.highlight import highlight

    return highlight(text, language=language)


def broken(text: str, width: int) -> list[str]:
    """The lines of a text, each in parts of at most ``width`` cells."""
    return [part for line in text.split("\n") for part in _parts(line, width)]


def _parts(line: str, width: int) -> list[str]:
    if not line.isascii():
        return chop_cells(line, width) or [""]
    # ASCII has one cell a character, and may be of megabytes.
    return [line[at : at + width] for at in range(0, max(len(line), 1), width)]
