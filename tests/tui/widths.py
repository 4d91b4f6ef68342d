"""A program for a terminal: prints texts as the console shows them, and asks where the cursor is then.

``python -m tests.tui.widths FILE`` writes to FILE what the terminal drew in another width than Rich
counts: text, counted, drawn.
"""

from __future__ import annotations

import json
import os
import re
import sys
import tty
import unicodedata
from collections.abc import Iterator
from pathlib import Path

from rich.cells import cell_len

from asok_console.presentation.text import safe

SEQUENCES = (
    *("👍🏽", "🤦🏼‍♂️", "🫱🏿‍🫲🏻", "👩‍🔬", "👨‍👩‍👧", "🏴‍☠️", "🇩🇪", "🇩", "🏴󠁧󠁢󠁥󠁮󠁧󠁿"),
    *("1️⃣", "❤️", "❤", "☎️", "ℹ️", "©︎", "é", "क्षि", "சி", "ക്ഷ", "นี้", "각", "ﷺ"),
)
SAME_WIDTH = (range(0x4E00, 0xA000), range(0xAC00, 0xD7A4), range(0xE000, 0xF900))
"""Where a few stand for all: ideographs, Hangul, private use."""


def texts() -> Iterator[str]:
    """Every assigned character after an ASCII one, and sequences of several."""
    yield from SEQUENCES
    for point in range(0x20, 0x20000):
        if any(point in each and point > each.start + 8 for each in SAME_WIDTH):
            continue
        if unicodedata.category(chr(point)) not in ("Cn", "Co"):
            yield f"a{chr(point)}"


def main(found: Path) -> None:
    """Try all of them."""
    terminal = os.open("/dev/tty", os.O_RDWR)
    tty.setraw(terminal)
    different = []
    for text in texts():
        shown = safe(text)
        os.write(terminal, f"\r\x1b[2K{shown}|\x1b[6n".encode())
        reply = b""
        while not reply.endswith(b"R"):
            reply += os.read(terminal, 64)
        match = re.search(rb";(\d+)R", reply)
        assert match is not None, reply
        drawn = int(match[1]) - 2
        if drawn != cell_len(shown):
            different.append((text, cell_len(shown), drawn))
    part = found.with_suffix(".part")
    part.write_text(json.dumps(different))
    part.rename(found)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
