"""What tasks did, recorded outside Redis: one short line in a file that all processes append to."""

from __future__ import annotations

import os
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

VARIABLE = "CHAOS_JOURNAL"


@dataclass(frozen=True, slots=True)
class JournalLine:
    """``word`` is start, done or raised; ``at`` is monotonic, the same clock for all processes."""

    word: str
    job_id: str
    pid: int
    parent: int
    at: float


def note(word: str, job_id: str) -> None:
    """Append a line. One write of a few bytes, so that lines of different processes do not mix."""
    line = f"{word} {job_id} {os.getpid()} {os.getppid()} {time.monotonic():.4f}\n"
    file = os.open(os.environ[VARIABLE], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(file, line.encode())
    finally:
        os.close(file)


@dataclass(slots=True)
class Journal:
    """The lines of a run so far; ``read`` takes in what has been appended since."""

    path: Path
    lines: dict[str, list[JournalLine]] = field(default_factory=lambda: defaultdict(list))
    """By job, in the order in which they were written."""
    children: dict[int, list[int]] = field(default_factory=dict)
    """By supervisor, the processes of it that ran jobs, the newest last."""
    _position: int = 0

    def read(self) -> None:
        """Read the new lines."""
        for line in self._fresh():
            self.lines[line.job_id].append(line)
            pids = self.children.setdefault(line.parent, [])
            if line.pid not in pids:
                pids.append(line.pid)

    def count(self, job_id: str, word: str) -> int:
        """How often a job said ``word``."""
        return sum(line.word == word for line in self.lines.get(job_id, ()))

    def _fresh(self) -> Iterator[JournalLine]:
        if not self.path.exists():
            return
        with self.path.open("rb") as file:
            file.seek(self._position)
            text = file.read()
        whole = text[: text.rfind(b"\n") + 1]
        self._position += len(whole)
        for row in whole.decode().splitlines():
            word, job_id, pid, parent, at = row.split()
            yield JournalLine(word, job_id, int(pid), int(parent), float(at))
