"""A small application on the ``asok`` framework: its tasks, which either worker imports by name."""

from __future__ import annotations

import os
from pathlib import Path


def note(word: str) -> str:
    """Leave a line in the journal: the proof, outside Redis, that the task ran."""
    with Path(os.environ["JOURNAL"]).open("a") as journal:
        journal.write(f"{word}\n")
    return f"noted {word}"


def fail(word: str) -> None:
    """Fail, always."""
    note(word)
    raise RuntimeError(f"no luck with {word}")


def fail_once(word: str) -> str:
    """Fail on the first attempt only."""
    seen = Path(os.environ["JOURNAL"]).with_suffix(f".{word}")
    if not seen.exists():
        seen.touch()
        raise ConnectionError(f"{word}: first time")
    return note(word)
