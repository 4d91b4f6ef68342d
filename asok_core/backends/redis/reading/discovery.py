"""Lists that no name leads to: queues of foreign producers, and active lists of workers long dead.

A SCAN finds them. It continues a little with each snapshot.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from asok_core.backends.redis import parsing
from asok_core.backends.redis.keys import Keys, worker_of
from asok_core.backends.redis.reading.query import Query, by_key, maybe
from asok_core.inspection.workers import WorkerInfo

MOST_QUEUES = 1000
MOST_FOUND = 500
FIRST_SCAN = 4000
NEXT_SCANS = 400
"""Keys a SCAN looks at: the first time (a small database is seen whole) and each time after."""

Scan: TypeAlias = tuple[int, Sequence[bytes]] | None
"""The cursor and the keys of one step; None for a user who may not scan."""


class ListDiscovery:
    """The lists that were found so far."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        self._cursor: int | None = None
        self._queues: dict[str, None] = {}
        self._lists: dict[bytes, int] = {}
        self._leased: set[bytes] = set()
        self.is_whole = False
        """Whether the SCAN has come to its end once: what was there all that time was found."""

    @property
    def queues(self) -> Iterable[str]:
        """Names of the queues whose lists were found."""
        return self._queues.keys()

    @property
    def orphaned(self) -> int:
        """How many jobs are in the active lists of workers without a lease."""
        return sum(length for key, length in self._lists.items() if key not in self._leased)

    @property
    def covered(self) -> int:
        """How many are in further active lists of workers with a lease, whose hashes do not name them.

        Also in those of workers of which it is not known whether they have a lease.
        """
        return sum(length for key, length in self._lists.items() if key in self._leased)

    def scan(self) -> Query[Scan]:
        """The next step."""
        count = FIRST_SCAN if self._cursor is None else NEXT_SCANS
        # `q` for pending lists and `a` for active ones: the pattern spares job records.
        pattern = f"{self._keys.namespace}:[qa]*"
        commands, read = maybe(
            "SCAN", self._cursor or 0, "MATCH", pattern, "COUNT", count, "TYPE", "list"
        )

        def parse(replies: Sequence[Any]) -> Scan:
            reply = read(replies)
            if not isinstance(reply, list) or len(reply) != 2:
                return None
            cursor, found = reply
            return int(cursor), found

        return Query(commands, parse)

    def note_scan(self, scan: Scan) -> None:
        """Keep what a step has found."""
        if scan is None:
            return
        self._cursor, found = scan
        self.is_whole = self.is_whole or self._cursor == 0
        for key in found:
            name = self._keys.queue_name(parsing.text(key))
            if name is not None:
                if len(self._queues) < MOST_QUEUES:
                    self._queues[name] = None
            elif self._keys.active_parts(parsing.text(key)) and len(self._lists) < MOST_FOUND:
                self._lists.setdefault(key, 0)

    @property
    def lists(self) -> Sequence[tuple[str, str]]:
        """Process and queue of the active lists that hold jobs and that no worker's hash names."""
        found = map(self._keys.active_parts, map(parsing.text, self._lists))
        return [each for each in found if each is not None]

    def lengths(self) -> Query[dict[bytes, Any]]:
        """How many jobs each active list holds that was found."""
        return by_key({key: maybe("LLEN", key) for key in self._lists})

    def note_lengths(
        self, lengths: Mapping[bytes, Any], workers: Iterable[WorkerInfo], *, all_leases: bool
    ) -> None:
        """Keep the active lists that hold jobs and that the hash of none of ``workers`` names.

        Unless ``all_leases`` were read, a worker that is not among them may have one.
        """
        queues = {worker.id: worker.queues + worker.former_queues for worker in workers}
        self._lists, self._leased = {}, set()
        for key, length in lengths.items():
            process, queue = self._keys.active_parts(parsing.text(key)) or ("", "")
            worker_id = worker_of(process)
            if length and queue not in queues.get(worker_id, ()):
                self._lists[key] = length
                if worker_id in queues or not all_leases:
                    self._leased.add(key)
