"""Arguments as text that a person edits, and what an edit changes: line by line and in few words."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from asok_core.inspection.invisible import is_hidden
from asok_core.jobs.nesting import cut

LONGEST_WORDS = 300
"""Characters of what a history says of an edit."""
_LONGEST_VALUE = 60
_CONTEXT = 2
_GAP = " …"

Arguments = tuple[Sequence[Any], Mapping[str, Any]]


def editable(arguments: Arguments) -> str:
    """The arguments as indented JSON: text as text, only what is not visible as an escape.

    Nothing is cut, since what is saved replaces the arguments: ``any_too_deep`` must not hold for them.
    """
    args, kwargs = arguments
    value = {"args": list(args), "kwargs": dict(kwargs)}
    return _visible(json.dumps(value, indent=2, ensure_ascii=False))


def typed(text: str) -> str:
    """JSON that a person typed, with what is not visible as an escape, for another editor."""
    return _visible(text.replace("\r\n", "\n").expandtabs(4).rstrip("\n"))


def diff(before: Arguments, after: Arguments) -> list[str]:
    """The lines that differ, each after ``-`` or ``+``, with lines around them after a space.

    Empty where nothing differs. ``any_too_deep`` must hold for neither.
    """
    lines = difflib.unified_diff(
        editable(before).splitlines(), editable(after).splitlines(), n=_CONTEXT, lineterm=""
    )
    # First come the names of two files and where the first difference is.
    return [_GAP if line.startswith("@@") else line for line in list(lines)[3:]]


def changed_words(before: Arguments, after: Arguments) -> str:
    """What differs, in one line: ``argument 2: 4711 → 4712, currency: "EUR" → none``."""
    words = ", ".join(_changes(before, after)) or "nothing changed"
    return words if len(words) <= LONGEST_WORDS else f"{words[: LONGEST_WORDS - 1]}…"


def same(before: Arguments, after: Arguments) -> bool:
    """Whether nothing would change. In Python 1, 1.0 and true are equal, and so are keys in any order."""
    return _text(before) == _text(after)


def _text(arguments: Arguments) -> str:
    args, kwargs = arguments
    return json.dumps(cut({"args": list(args), "kwargs": dict(kwargs)}))


def _changes(before: Arguments, after: Arguments) -> Iterator[str]:
    (args, kwargs), (new_args, new_kwargs) = before, after
    for at in range(max(len(args), len(new_args))):
        yield from _change(f"argument {at + 1}", args[at : at + 1], new_args[at : at + 1])
    for name in dict.fromkeys((*kwargs, *new_kwargs)):
        old = [kwargs[name]] if name in kwargs else []
        new = [new_kwargs[name]] if name in new_kwargs else []
        yield from _change(name, old, new)


def _change(name: str, old: Sequence[Any], new: Sequence[Any]) -> Iterator[str]:
    old, new = cut(old), cut(new)
    was, becomes = _brief(old), _brief(new)
    if json.dumps(old) != json.dumps(new):
        yield f"{name[:_LONGEST_VALUE]}: {was} → {becomes}"


def _brief(value: Sequence[Any]) -> str:
    if not value:
        return "none"
    text = _visible(json.dumps(value[0], ensure_ascii=False))
    return text if len(text) <= _LONGEST_VALUE else f"{text[: _LONGEST_VALUE - 1]}…"


def _visible(text: str) -> str:
    """JSON text without a character that an editor would not show, would obey, or could not write.

    Those occur only in strings, where JSON reads an escape as the character.
    """
    if text.isascii() and "\x7f" not in text:
        return text
    return "".join(
        json.dumps(char)[1:-1] if char != "\n" and is_hidden(char) else char for char in text
    )
