"""Untrusted text made fit for a terminal.

Function names, arguments, errors, queue names: all that comes from Redis may hold escape sequences,
bidirectional overrides or zero-width characters. No widget and no table library stops them, so
everything passes :func:`safe` before it is shown, printed or copied.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from functools import cache

from asok_core.errors import AsokError
from asok_core.inspection.invisible import is_hidden
from asok_core.jobs.nesting import cut

_NOT_ASCII = re.compile(r"[^\n -~]")
_NEWLINES = re.compile(r"\r\n|[\r\n\x0b\x0c\x85\u2028\u2029]")


class _Forms(dict[int, str]):
    """Forms by character; that of one that is not here is found when a text first has it."""

    def __missing__(self, point: int) -> str:
        form = self[point] = self.form_of(chr(point))
        return form

    def form_of(self, char: str) -> str:
        return _escaped(ord(char)) if is_hidden(char) else char


def _control_pictures() -> dict[int, str]:
    return {point: chr(0x2400 + point) for point in range(0x20)} | {0x7F: "\u2421"}


_DISPUTED = (
    *range(0x2630, 0x2638),
    *range(0x268A, 0x2690),
    *range(0x302E, 0x3030),
    *range(0x3248, 0x3250),
    *range(0x16FF0, 0x16FF2),
    *range(0x1D300, 0x1D357),
    *range(0x1D360, 0x1D377),
    *range(0x1F1E6, 0x1F200),
    *range(0x1F3FB, 0x1F400),
)
"""Characters that terminals draw narrower or wider than Rich counts: symbols that newer editions of
Unicode made wider, regional indicators that form flags, and modifiers of emoji."""
_NEW = (
    (0xCF3, 0xCF3), (0xECE, 0xECE), (0x2FFC, 0x2FFF), (0x31EF, 0x31EF), (0x10EFD, 0x10EFF),
    (0x1123F, 0x11241), (0x11B00, 0x11B09), (0x11F00, 0x11F10), (0x11F12, 0x11F3A), (0x11F3E,
    0x11F59), (0x1342F, 0x1342F), (0x13439, 0x13455), (0x1B132, 0x1B132), (0x1B155, 0x1B155),
    (0x1D2C0, 0x1D2D3), (0x1DF25, 0x1DF2A), (0x1E030, 0x1E06D), (0x1E08F, 0x1E08F), (0x1E4D0,
    0x1E4F9), (0x1F6DC, 0x1F6DC), (0x1F774, 0x1F776), (0x1F77B, 0x1F77F), (0x1F7D9, 0x1F7D9),
    (0x1FA75, 0x1FA77), (0x1FA87, 0x1FA88), (0x1FAAD, 0x1FAAF), (0x1FABB, 0x1FABD), (0x1FABF,
    0x1FABF), (0x1FACE, 0x1FACF), (0x1FADA, 0x1FADB), (0x1FAE8, 0x1FAE8), (0x1FAF7, 0x1FAF8),
)  # fmt: skip
"""First and last of the characters of Unicode 15.0 and 15.1: many terminals do not know their widths."""


class _LineForms(_Forms):
    """Spacing marks are escaped as well.

    Those are vowel signs of Indic scripts and their like: some terminals give them a cell of their own.
    """

    def form_of(self, char: str) -> str:
        return _escaped(ord(char)) if unicodedata.category(char) == "Mc" else super().form_of(char)


def _escaped(point: int) -> str:
    if point <= 0xFF:
        return f"\\x{point:02x}"
    return f"\\u{point:04x}" if point <= 0xFFFF else f"\\U{point:08x}"


# Made when the first text needs them: most texts are printable ASCII, and start-up is short.
@cache
def _disputed_forms() -> dict[int, str]:
    new = (point for first, last in _NEW for point in range(first, last + 1))
    return {point: _escaped(point) for point in (*_DISPUTED, *new)}


@cache
def _line_forms() -> _LineForms:
    forms = _control_pictures() | {ord("\t"): " ", ord("\n"): "\u21b5", ord("\r"): "\u21b5"}
    return _LineForms(forms | _disputed_forms())


@cache
def _block_forms() -> _Forms:
    return _Forms(_control_pictures() | {ord("\t"): "    ", ord("\n"): "\n"})


def safe(text: str, limit: int | None = None) -> str:
    """One line of ``text`` with every control, bidirectional or invisible character made visible.

    C0 controls become their pictures (``ESC`` is ``␛``), a line break ``↵``, the rest an escape as
    Python writes it. So does what terminals draw wider or narrower than Rich counts, or the columns
    beside it would be out of line; :func:`safe_block` keeps that. ``limit`` cuts to that many characters
    *before* all this, so that a text of megabytes costs nothing; a cut text ends in an ellipsis.
    """
    if limit is not None and len(text) > limit:
        text = text[: max(limit - 1, 0)] + "\u2026"
    if text.isascii() and text.isprintable():
        return text
    return text.replace("\r\n", "\n").translate(_line_forms())


def safe_block(text: str, limit: int | None = None) -> str:
    """Like :func:`safe` for text of many lines: its line breaks stay, each a plain newline."""
    if limit is not None and len(text) > limit:
        text = text[: max(limit - 1, 0)] + "\u2026"
    return _NEWLINES.sub("\n", text).translate(_block_forms())


def framed(block: str) -> str:
    """A safe block inside a frame: what would move it becomes an escape, as in :func:`safe`.

    Vowel signs stay: without them the text could not be read.
    """
    return block if block.isascii() else block.translate(_disputed_forms())


def error_text(error: Exception) -> str:
    """An error in one line: the lines of this package as they are, others after the name of their type."""
    return str(error) if isinstance(error, AsokError) else f"{_type_of(error)}: {error}"


def json_text(document: Mapping[str, object], *, indent: int | None) -> str:
    """A document as JSON for programs and terminals: every character that is not ASCII is escaped.

    What a foreign program nested too deeply in it is cut. Lone surrogates are replaced: names that are not
    UTF-8 have them, and parsers differ about them.
    """
    import json

    text = _encoded(document, indent).encode("utf-8", "replace").decode()
    return _NOT_ASCII.sub(lambda found: json.dumps(found[0])[1:-1], text)


def plain_json(value: object, *, indent: int | None = None, limit: int | None = None) -> str:
    """``value`` as JSON text that reads well; what JSON can't carry is shown by ``repr``.

    What is nested too deeply is cut. ``limit`` bounds the characters that are returned. Safe for a
    terminal; its line breaks, if ``indent`` is given, are real.
    """
    try:
        text = _encoded(value, indent, repr)
    except (TypeError, ValueError):
        text = repr(value)
    return safe(text, limit) if indent is None else safe_block(text, limit)


def _encoded(value: object, indent: int | None, form: Callable[[object], str] | None = None) -> str:
    """``value`` as JSON with all characters as they are, cut where it is nested too deeply.

    ``form`` is that of what JSON cannot carry; without one, TypeError is raised.
    """
    import json

    try:
        return json.dumps(value, ensure_ascii=False, indent=indent, default=form)
    except RecursionError:
        form = form and _type_name
        return json.dumps(cut(value), ensure_ascii=False, indent=indent, default=form)


def _type_name(value: object) -> str:
    return f"<{_type_of(value)}>"


def _type_of(value: object) -> str:
    return type(value).__name__


def call_text(function: str, args: object, kwargs: object, limit: int = 400) -> str:
    """A job as the call that it is, ``module.function(1, "a", key=2)``, on one line."""
    return f"{safe(function, limit)}({arguments_text(args, kwargs, limit)})"


def arguments_text(args: object, kwargs: object, limit: int = 400) -> str:
    """Arguments as in a call, ``1, "a", key=2``, cut to about ``limit`` characters."""
    parts: list[str] = []
    size = 0
    for part in _arguments(args, kwargs, limit):
        parts.append(part)
        size += len(part) + 2
        if size > limit:
            break
    return safe(", ".join(parts), limit)


def _arguments(args: object, kwargs: object, limit: int) -> Iterator[str]:
    if isinstance(args, list | tuple):
        for value in args:
            yield _brief(value, limit)
    if isinstance(kwargs, dict):
        for name, value in kwargs.items():
            yield f"{name}={_brief(value, limit)}"


def _brief(value: object, limit: int) -> str:
    # A long string is cut before it is encoded: an argument may be of megabytes.
    if isinstance(value, str) and len(value) > limit:
        value = value[:limit] + "\u2026"
    elif isinstance(value, list | tuple | dict) and len(value) > limit:
        value = f"{type(value).__name__} of {len(value)}"
    return plain_json(value, limit=limit * 2)
