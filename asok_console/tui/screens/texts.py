"""The longer texts of a job: arguments and results as JSON, errors with their root cause, tracebacks."""

from __future__ import annotations

import json
from collections.abc import Iterator

from textual.content import Content

from asok_console.present.text import plain_json, safe, safe_block
from asok_core.tracebacks import Raised, chain_of, last_line

HIGHLIGHTED = 32_000
"""Characters up to which a text is coloured; beyond that it takes too long."""
SHOWN = 10_000
LINES = 200
"""Characters and lines of a text that are shown among the others; WholeTexts shows all."""
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
        # What was raised stands at the end.
        return _coloured(_bounded(safe_block(str(source)).rstrip(), end=True), "pytb")
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
    """All of a section as text that is safe to show."""
    return _pretty(source) if isinstance(source, str) else plain_json(source, indent=2)


def _bounded(text: str, *, end: bool = False) -> str:
    """The beginning of a text, or its end, and a line that says how much is left out."""
    shown = text[-SHOWN:] if end else text[:SHOWN]
    lines = shown.split("\n")
    lines = lines[-LINES:] if end else lines[:LINES]
    shown = "\n".join(lines)
    if len(shown) == len(text):
        return text
    part = "first" if end else "other"
    return f"{shown}\n… the {part} {len(text) - len(shown):,} characters are left out: v shows all"


def _failure(text: str) -> Content:
    """The root cause and the exception that the worker got, each with the frame that raised it."""
    chain = chain_of(text)
    root, last = chain.root, chain.outermost
    if root is None or last is None:
        return Content.styled(safe(last_line(text), 400), "bold $tone-bad")
    if root is last:
        lines = [] if chain.whole else [_dim("The beginning of the traceback was not kept.")]
        return Content("\n").join([*_raised("", root), *lines])
    between = len(chain.raised) - 2
    skipped = (
        f"{between} {'exception' if between == 1 else 'exceptions'} between: see the traceback"
    )
    return Content("\n").join(
        [
            *_raised("Root cause  " if chain.whole else "First kept  ", root),
            *([_dim(skipped)] if between else []),
            *_raised("Raised as  " if last.link == "caused" else "Then raised  ", last),
        ]
    )


def _raised(label: str, raised: Raised) -> Iterator[Content]:
    yield Content.assemble((label, "$tone-dim"), (safe(raised.line, 400), "bold $tone-bad"))
    for inside in raised.inside:
        yield _dim(f"· {safe(inside, 200)}")
    if raised.frame:
        frame = "\n".join(line[:SHOWN] for line in raised.frame[:FRAME])
        yield _coloured(safe_block(frame), "pytb")


def _dim(text: str) -> Content:
    return Content.styled(text, "$tone-dim")


def _coloured(text: str, language: str) -> Content:
    if len(text) > HIGHLIGHTED:
        return Content(text)
    from textual.highlight import highlight

    return highlight(text, language=language)
