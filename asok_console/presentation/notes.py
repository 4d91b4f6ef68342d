"""Notes of operators in words, the same on the command line and in the console."""

from __future__ import annotations

from typing import Any

from asok_console.presentation import numbers
from asok_console.presentation.text import safe
from asok_core.clock import iso
from asok_core.inspection.notes import LONGEST_NOTE, OperatorNote

MARK = "✎"
"""Stands for a note where there is no room for it."""


def note_text(note: OperatorNote | None) -> str:
    """The text after its mark; '' without a note."""
    return f"{MARK} {safe(note.text, LONGEST_NOTE)}" if note is not None else ""


def note_author(note: OperatorNote, now: float) -> str:
    """``ann@host, 2 h ago``: who wrote it and when, as far as that is known."""
    who = safe(note.who, 100) or "not known"
    return who if note.at is None else f"{who}, {numbers.ago(note.at, now)}"


def note_line(note: OperatorNote, now: float) -> str:
    """Text, author and age in one line."""
    return f"{safe(note.text, LONGEST_NOTE)} ({note_author(note, now)})"


def note_document(note: OperatorNote | None) -> dict[str, Any] | None:
    """A note for programs."""
    if note is None:
        return None
    return {"text": note.text, "by": note.who or None, "at": iso(note.at)}
