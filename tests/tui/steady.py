"""What changes from run to run, held still, so that a picture is the same every time."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from asok_core.backends.roles import Reader
from asok_core.inspection.snapshot import Snapshot, SnapshotCost


class Steady:
    """A reader whose snapshots say the same of the server and its speed each time.

    Queues, jobs and workers are what the real reader found.
    """

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reader, name)

    def snapshot(self, *, rates: bool = True, jobs: bool = True) -> Snapshot:
        taken = self._reader.snapshot(rates=rates, jobs=jobs)
        server = taken.server._replace(
            url="redis://cache.internal:6379/0",
            version="7.2.4",
            used_memory=48_400_000,
            max_memory=2_000_000_000,
            eviction_policy="noeviction",
            persistence="aof",
            ops_per_second=1240.0,
            clients=12,
            round_trip_ms=0.4,
        )
        return replace(taken, server=server, cost=SnapshotCost(3, 30, 4200, 0.002))
