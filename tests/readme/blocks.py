"""The code blocks of a document, in order.

After the language a block says how the tests use it. A word that holds a dot is the file that the
block is. ``checkout`` runs in a checkout, ``terminal`` opens a full screen, ``server`` runs while the
rest is read, ``sample`` is not run, and ``ages`` is output whose ages and widths of columns differ from
run to run.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_BLOCK = re.compile(r"^```(?P<info>[^\n]*)\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block: its language, the words behind it, and its text."""

    language: str
    words: tuple[str, ...]
    code: str
    line: int

    @property
    def file(self) -> str | None:
        """The name of the file that the block is, if it is one."""
        return next((word for word in self.words if "." in word), None)


def blocks_of(text: str) -> Iterator[Block]:
    """Every fenced block."""
    for found in _BLOCK.finditer(text):
        language, *words = found["info"].split() or [""]
        line = text.count("\n", 0, found.start()) + 1
        yield Block(language, tuple(words), found["code"], line)
