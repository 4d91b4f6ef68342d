"""The code blocks of a document, in order.

The words after the language say how the tests use a block. A word with a dot is the name of the
file that the block becomes. ``checkout`` runs in a checkout, ``terminal`` opens a full screen,
``server`` runs in the background, ``sample`` is not run, and ``varying`` is output whose times, ids,
users and column widths vary.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_BLOCK = re.compile(r"^```(?P<info>[^\n]*)\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block: its language, the words after it, and its text."""

    language: str
    words: tuple[str, ...]
    code: str
    line: int

    @property
    def file(self) -> str | None:
        """The name of the file that the block becomes, if any."""
        return next((word for word in self.words if "." in word), None)


def blocks_of(text: str) -> Iterator[Block]:
    """Every fenced block."""
    for found in _BLOCK.finditer(text):
        language, *words = found["info"].split() or [""]
        line = text.count("\n", 0, found.start()) + 1
        yield Block(language, tuple(words), found["code"], line)
