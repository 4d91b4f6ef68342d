"""A small application on the ``asok`` framework: its tasks, which either worker imports by name."""

from __future__ import annotations

import datetime as dt
import os
import time
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


def due(word: str) -> dt.datetime:
    """A result that JSON does not have."""
    note(word)
    return dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


def pair(word: str) -> tuple[str, int]:
    """A result that JSON has no type for."""
    note(word)
    return word, 1


async def later(word: str) -> str:
    """A task that has to be awaited."""
    return note(word)


def count(word: str) -> dict[str, list[int]]:
    """A result that is JSON."""
    return {word: [len(word)]}


def hold(word: str) -> str:
    """Begin, and not end before its process does."""
    note(word)
    time.sleep(3600)
    return word
