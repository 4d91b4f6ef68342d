"""Which characters a person does not see as themselves: they move the cursor, reorder or hide text.

Everything that is shown or logged goes by this one rule, and each user chooses how to write them.
"""

from __future__ import annotations

import unicodedata

_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Cn", "Zl", "Zp"})
"""Controls, formats, halves of surrogate pairs, what is not assigned, separators of lines."""
_BLANK = frozenset(
    (
        0x034F,  # combining grapheme joiner
        *(0x115F, 0x1160, 0x3164, 0xFFA0),  # fillers of Hangul
        *(0x17B4, 0x17B5),  # inherent vowels of Khmer
        *range(0x180B, 0x1810),  # variation selectors of Mongolian
        *range(0xFE00, 0xFE10),  # variation selectors
        *range(0xE0100, 0xE01F0),
    )
)
"""What Unicode calls default ignorable although its category is one of visible characters."""


def is_hidden(char: str) -> bool:
    """Whether a terminal shows this character as nothing, as a command, or as it likes."""
    return unicodedata.category(char) in _CATEGORIES or ord(char) in _BLANK


def visible(text: str, *, kept: str = "") -> str:
    """``text`` with what is not visible escaped as Python writes it, but for the characters of ``kept``.

    One line, unless ``kept`` has a line break. Blanks other than the space are escaped too.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(char if char in kept or _is_plain(char) else _escaped(char) for char in text)


def _is_plain(char: str) -> bool:
    return char.isprintable() and ord(char) not in _BLANK


def _escaped(char: str) -> str:
    point = ord(char)
    if point <= 0xFF:
        return char.encode("unicode_escape").decode()
    return f"\\u{point:04x}" if point <= 0xFFFF else f"\\U{point:08x}"
