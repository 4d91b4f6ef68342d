"""What ``asok worker status`` reports, of which a page and a document are made."""

from __future__ import annotations

from typing import NamedTuple

from asok_core.inspection.rows import Page, Row
from asok_core.inspection.snapshot import Snapshot


class WorkerStatus(NamedTuple):
    """What is reported: a snapshot, next jobs by queue, the newest dead jobs, failed checks."""

    snapshot: Snapshot
    next_jobs: dict[str, Page]
    dead: tuple[Row, ...] = ()
    failures: tuple[str, ...] = ()

    @property
    def sample(self) -> tuple[int, int]:
        """How many pending jobs were looked at, and how many of them are signed in version 1."""
        rows = [row for page in self.next_jobs.values() for row in page.rows]
        return len(rows), sum(row.payload.version == 1 for row in rows)

    @property
    def accepting_v1(self) -> int:
        """How many live workers run jobs of version 1; of all, where it is not known which live."""
        return sum(worker.accepts_v1 is not False for worker in self.snapshot.live_workers)

    @property
    def versions(self) -> dict[str, int | None]:
        """Live workers that run jobs of version 1 (None: not known), and sampled jobs that have it."""
        sampled, v1 = self.sample
        return {
            "workers_accepting_v1": self.accepting_v1 if self.snapshot.knows_workers else None,
            "sampled": sampled,
            "sampled_v1": v1,
        }
