"""Characters that must not reach a terminal, by the tables of Unicode."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator

from hypothesis import strategies as st

CATEGORIES = (
    *("Cc", "Cf", "Cn", "Co", "Cs", "Ll", "Lm", "Lo", "Lt", "Lu", "Mc", "Me", "Mn", "Nd", "Nl"),
    *("No", "Pc", "Pd", "Pe", "Pf", "Pi", "Po", "Ps", "Sc", "Sk", "Sm", "So", "Zl", "Zp", "Zs"),
)
"""All categories of Unicode."""

HIDDEN = ("Cc", "Cf", "Cs", "Zl", "Zp")
"""Categories of characters that move, hide or reorder text."""

IGNORABLE = (
    *("\u00ad", "\u034f", "\u061c", "\u115f", "\u1160", "\u17b4", "\u17b5", "\u3164", "\ufeff", "\uffa0"),
    *map(chr, range(0x180B, 0x1810)),
    *map(chr, range(0x200B, 0x2010)),
    *map(chr, range(0x202A, 0x202F)),
    *map(chr, range(0x2060, 0x2070)),
    *map(chr, range(0xFE00, 0xFE10)),
    *map(chr, range(0xFFF0, 0xFFF9)),
    *map(chr, range(0x1BCA0, 0x1BCA4)),
    *map(chr, range(0x1D173, 0x1D17B)),
    *map(chr, range(0xE0000, 0xE1000)),
)  # fmt: skip
"""Default_Ignorable_Code_Point of Unicode 15: invisible characters."""


def hidden_in(text: str) -> set[str]:
    """The code points of the characters in ``text`` that a terminal must not receive."""
    return {hex(ord(c)) for c in text if unicodedata.category(c) in HIDDEN or c in _IGNORABLE}


_IGNORABLE = frozenset(IGNORABLE)


def samples() -> Iterator[str]:
    """Two characters of each category, and every ignorable one except tags, in short texts."""
    for category in CATEGORIES:
        found = _first_of(category)
        yield f"a{found[0]}b{found[-1]}c"
    kept = [char for char in IGNORABLE if ord(char) < 0xE0000]
    for at in range(0, len(kept), 20):
        yield "x".join(["", *kept[at : at + 20], ""])


def _first_of(category: str) -> list[str]:
    # Outside of ASCII, if there are any.
    points: Iterable[int] = (*range(0x80, 0x11000), *range(0x20))
    found = [chr(point) for point in points if unicodedata.category(chr(point)) == category]
    return found[:: max(1, len(found) - 1)]


def texts() -> st.SearchStrategy[str]:
    """Texts in which all categories of Unicode are equally likely."""
    any_of_them = st.sampled_from(CATEGORIES).flatmap(
        lambda category: st.characters(codec=None, categories=[category])  # type: ignore[list-item]
    )
    return st.text(st.one_of(any_of_them, st.sampled_from(IGNORABLE)), min_size=1, max_size=60)
