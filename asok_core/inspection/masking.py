"""Hidden values replaced by a mask: in arguments and results by their names, in texts by what they are."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from asok_core.errors import UsageError
from asok_core.jobs.nesting import DEEPEST
from asok_core.settings.secret_names import MASK, NamePattern, without_values

LEAST = 4
"""Characters that a hidden value must have to be looked for in errors: shorter ones are everywhere."""
_MOST_VALUES = 1000
_CUT = re.compile(r"(\.\.\. \(cut\)\n| … |…\Z)")
"""What is written where a traceback, a text that is read from Redis, or a note was cut."""
_LONGEST_CUT = 65_536
"""Characters of a value that are looked for where a text may have been cut."""
_MISPLACED = f"{MASK} is used where no value was hidden"
_PAIR = re.compile(
    r"""(?P<name>[A-Za-z_][\w-]{0,63})(?P<between>\\*["']?\s{0,3}[=:]\s{0,3})"""
    r"""(?P<value>\\+"[^"\\]*\\+"|"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'"""
    r"""|\{[^{}]*\}|\[[^][]*\]|\([^()]*\)|[^\s,;&"')}\]]+|["'][^"']+\Z)"""
)


def hide(value: Any, found: list[Any]) -> str:
    """The mask in place of a value; ``found`` gets the values in it."""
    found += _leaves(value)
    return MASK


def masked(value: Any, pattern: NamePattern, found: list[Any]) -> Any:
    """``value`` with what is under a hidden name hidden, at any depth; ``found`` gets what that was."""
    return without_values(value, pattern, lambda each: hide(each, found), DEEPEST)


def without_hidden(text: str, pattern: NamePattern, values: Sequence[Any]) -> str:
    """A text without hidden ``values``, and without those beside a hidden name.

    Texts of errors and notes are bounded before this: of a value that was cut at the end of the text, or
    where a mark says so, the part that is left is hidden as well.
    """
    if not text:
        return text
    forms = sorted({form for each in values[:_MOST_VALUES] for form in _forms(each)}, key=len)
    if forms:
        text = re.sub("|".join(map(re.escape, reversed(forms))), MASK, text)
        parts = _CUT.split(text)
        # Every second one is a mark.
        for at in range(0, len(parts), 2):
            parts[at] = _without_begun(parts[at], forms, MASK)
            if at:
                parts[at] = _without_begun(parts[at][::-1], [f[::-1] for f in forms], MASK[::-1])[
                    ::-1
                ]
        text = "".join(parts)
    return _PAIR.sub(lambda pair: _pair(pair, pattern), text)


def _without_begun(text: str, forms: Sequence[str], mask: str) -> str:
    """The text without what it ends with, if one of the ``forms`` begins so."""
    longest = max(_begun(text, form) for form in forms)
    return text[: len(text) - longest] + mask if longest else text


def _begun(text: str, form: str) -> int:
    """How many characters of ``form`` the text ends with; 0 for fewer than ``LEAST``."""
    end = text[-min(len(form) - 1, _LONGEST_CUT) :] if len(form) > LEAST else ""
    at = end.find(form[:LEAST])
    while at >= 0 and not form.startswith(end[at:]):
        at = end.find(form[:LEAST], at + 1)
    return len(end) - at if at >= 0 else 0


def _leaves(root: Any) -> Iterator[Any]:
    stack = [root]
    while stack:
        value = stack.pop()
        if isinstance(value, Mapping):
            stack += value.values()
        elif isinstance(value, list | tuple):
            stack += value
        else:
            yield value


def _forms(value: Any) -> Iterator[str]:
    """How a value may be written in an error."""
    if isinstance(value, bool) or value is None:
        return
    text = str(value)
    if len(text) < LEAST:
        return
    yield text
    if isinstance(value, str):
        forms = {
            text,
            repr(text)[1:-1],
            json.dumps(text)[1:-1],
            json.dumps(text, ensure_ascii=False)[1:-1],
        }
        yield from forms
        # The line of an error has one space for each run of spaces and line ends.
        yield from (line for form in forms if len(line := " ".join(form.split())) >= LEAST)
        # KeyError shows its text by repr, and that text may have shown the value so already.
        for form in forms:
            doubled = form.replace("\\", "\\\\")
            yield from (doubled, doubled.replace("'", "\\'"), doubled.replace('"', '\\"'))


def masked_result(text: str, pattern: NamePattern) -> str:
    """The JSON text of a result with what is under hidden names hidden."""
    try:
        value = json.loads(text)
        shown = masked(value, pattern, [])
    except (ValueError, RecursionError):
        return _PAIR.sub(lambda pair: _pair(pair, pattern), text)
    return text if shown == value else json.dumps(shown)


def masked_json(text: str, pattern: NamePattern, values: Sequence[Any]) -> str:
    """A JSON text without what is under hidden names, and without hidden ``values``."""
    try:
        shown = _without_values(masked(json.loads(text), pattern, []), pattern, values)
    except (ValueError, RecursionError):
        shown = MASK
    return json.dumps(shown)


def _without_values(value: Any, pattern: NamePattern, values: Sequence[Any]) -> Any:
    if isinstance(value, str):
        return without_hidden(value, pattern, values)
    if isinstance(value, dict):
        return {
            without_hidden(key, pattern, values): _without_values(each, pattern, values)
            for key, each in value.items()
        }
    if isinstance(value, list):
        return [_without_values(each, pattern, values) for each in value]
    text = json.dumps(value)
    return value if without_hidden(text, pattern, values) == text else MASK


def restored(new: Any, shown: Any, own: Any) -> Any:
    """``new`` with the values of ``own`` where ``shown`` has the mask.

    Raises UsageError where the mask is at another position.
    """
    if new == MASK:
        if shown == MASK:
            return own
        raise UsageError(_MISPLACED)
    if isinstance(new, Mapping):
        return {
            key: restored(each, *(_at(side, key) for side in (shown, own)))
            for key, each in new.items()
        }
    if isinstance(new, list | tuple):
        return [
            restored(each, *(_at(side, at) for side in (shown, own))) for at, each in enumerate(new)
        ]
    return new


def _at(side: Any, location: Any) -> Any:
    """What is at a key or an index of a value that may be of another shape."""
    if isinstance(location, str):
        return side.get(location) if isinstance(side, Mapping) else None
    return side[location] if isinstance(side, list | tuple) and location < len(side) else None


def _pair(found: re.Match[str], pattern: NamePattern) -> str:
    hidden = pattern.hides(found["name"])
    return f"{found['name']}{found['between']}{MASK}" if hidden else found[0]
