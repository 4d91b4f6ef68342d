"""What a worker that lives through a whole run uses: file descriptors, threads and memory."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

INTERVAL = 5.0
"""Seconds between two samples."""
MORE_FILES, MORE_THREADS = 4, 2
"""By how many the last third of a run may exceed the first: connections that come and go."""
MORE_MEMORY = 0.15
"""By what fraction."""
PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Sample:
    """File descriptors, threads and resident bytes of one process at one moment."""

    files: int
    threads: int
    memory: int


@dataclass(slots=True)
class Resources:
    """Samples of one process that is not replaced: a supervisor."""

    samples: list[Sample] = field(default_factory=list)
    _next_at: float = 0.0

    def sample(self, pid: int) -> None:
        """Take a sample when the last one is old enough."""
        if time.monotonic() < self._next_at:
            return
        self._next_at = time.monotonic() + INTERVAL
        with suppress(OSError, ValueError):
            folder = Path(f"/proc/{pid}")
            files = len(list((folder / "fd").iterdir()))
            threads = len(list((folder / "task").iterdir()))
            memory = int((folder / "statm").read_text().split()[1]) * PAGE
            self.samples.append(Sample(files, threads, memory))

    def complaints(self) -> Iterator[str]:
        """What has grown between the first and the last third of the run."""
        third = len(self.samples) // 3
        if not third:
            yield "the worker that is not harmed was not seen often enough"
            return
        first, last = _median(self.samples[:third]), _median(self.samples[-third:])
        if last.files > first.files + MORE_FILES:
            yield f"file descriptors of a supervisor grew from {first.files} to {last.files}"
        if last.threads > first.threads + MORE_THREADS:
            yield f"threads of a supervisor grew from {first.threads} to {last.threads}"
        if last.memory > first.memory * (1 + MORE_MEMORY):
            yield f"memory of a supervisor grew from {first.memory:,} to {last.memory:,} bytes"

    def summary(self) -> str:
        """First and last third, for the table."""
        third = max(1, len(self.samples) // 3)
        if not self.samples:
            return "not seen"
        first, last = _median(self.samples[:third]), _median(self.samples[-third:])
        return (
            f"{first.files} -> {last.files} file descriptors, {first.threads} -> {last.threads} threads, "
            f"{first.memory / 2**20:.1f} -> {last.memory / 2**20:.1f} MiB"
        )


def _median(samples: list[Sample]) -> Sample:
    return Sample(
        int(statistics.median(each.files for each in samples)),
        int(statistics.median(each.threads for each in samples)),
        int(statistics.median(each.memory for each in samples)),
    )
