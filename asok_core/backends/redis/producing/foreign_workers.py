"""Futures whose results may never arrive: their jobs were taken by a program that publishes no ends.

The worker of the ``asok`` framework takes a job from its queue and writes its status into a JSON string.
A record that is a hash it cannot write, so that says ``pending`` for as long as it lives.
"""

from __future__ import annotations

import time
from collections.abc import Mapping

from asok_core.backends.redis.calls.call import Arg
from asok_core.backends.redis.calls.reading import Clipped, Find, FindReply
from asok_core.backends.redis.connection import Connection
from asok_core.backends.redis.constants import MOST_LISTS
from asok_core.backends.redis.keys import LONGEST_NAME, Keys, process_numbers
from asok_core.backends.redis.parsing import LONGEST_FIELD
from asok_core.backends.redis.search_position import SearchPosition
from asok_core.jobs.job import JobRecord
from asok_core.jobs.states import Status
from asok_core.runtime.logs import safe_logger

logger = safe_logger("asok.background")

LOOK_EVERY = 30.0
"""Seconds between two looks for a job. Two in a row must miss it: that is longer than a recovery takes."""
MOST_JOBS = 10_000
"""Jobs of a queue that one look goes through; of a longer one, or a larger, nothing is known."""


class MissingJobs:
    """Looks for watched jobs that are pending by their records, one at a time. For one thread."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        self._check_at = time.monotonic() + LOOK_EVERY
        self._turn = 0
        self._missed: dict[str, float | None] = {}
        self._reported: set[str] = set()

    def check_next(self, connection: Connection, unfinished: Mapping[str, JobRecord]) -> None:
        """Look for one of some jobs, if it is time, and warn when it was missed twice.

        Raises Unreachable or Refused.
        """
        if time.monotonic() < self._check_at:
            return
        pending = [
            each
            for each in unfinished.values()
            if each.status == Status.PENDING and not each.foreign and each.id not in self._reported
        ]
        if not pending:
            return
        self._check_at = time.monotonic() + LOOK_EVERY
        self._turn += 1
        next_in_turn = pending[self._turn % len(pending)]
        job = next((each for each in pending if each.id in self._missed), next_in_turn)
        missed_at = self._missed.pop(job.id, -1.0)
        if not is_missing(connection, self._keys, job):
            return
        if missed_at != job.ts:
            self._missed = {job.id: job.ts}
            return
        self._reported.add(job.id)
        logger.warning(
            "Job %s (%s) is pending by its record, but it is neither in queue %s nor held by a worker: "
            "its result may never arrive. Where the worker of the asok framework runs jobs as well, "
            "set ASOK_RECORDS=framework for whatever enqueues them; where its list was deleted, "
            "`asok job cancel %s` ends it",
            job.id,
            job.function,
            job.queue,
            job.id,
        )


def is_missing(connection: Connection, keys: Keys, job: JobRecord) -> bool:
    """Whether a job is neither in its queue nor held by a worker; False where that is not known."""
    key = keys.queue(job.queue or "default")
    queued = connection.run(_search(key, "right", job))
    if queued.position >= 0 or queued.looked >= MOST_JOBS:
        return False
    if connection.call("LLEN", key) > queued.looked:
        return False
    lists = _active_lists(connection, keys, job.queue or "default")
    return lists is not None and not _may_hold(connection, lists, job)


def _search(key: str, order: str, job: JobRecord) -> Find:
    return Find.after(SearchPosition(), key, order, MOST_JOBS, job.id)


def _active_lists(connection: Connection, keys: Keys, queue: str) -> list[str] | None:
    """The active lists of a queue of all workers with a lease; None where they are not known."""
    # Another program may have put names of any size there.
    words: tuple[Arg, ...] = ("ZRANGE", keys.workers, 0, MOST_LISTS)
    leases = connection.run(Clipped(most=LONGEST_NAME + 1, words=words))
    if len(leases) > MOST_LISTS or any(len(each) > LONGEST_NAME for each in leases):
        return None
    workers = [each.decode("utf-8", "replace") for each in leases]
    asked = [(keys.worker(each), name) for each in workers for name in ("slots", "processes")]
    sizes = map(connection.checked, connection.pipeline([("HSTRLEN", *each) for each in asked]))
    if any((size or 0) > LONGEST_FIELD for size in sizes):
        return None
    published = connection.pipeline(
        [("HMGET", keys.worker(each), "slots", "processes") for each in workers]
    )
    lists = []
    for worker, fields in zip(workers, map(connection.checked, published), strict=True):
        texts = [each and each.decode("utf-8", "replace") for each in fields or (None, None)]
        numbers = process_numbers(*texts) or range(1, 257)
        lists += [keys.active(f"{worker}.{n}", queue) for n in numbers]
    return lists if len(lists) <= MOST_LISTS else None


def _may_hold(connection: Connection, lists: list[str], job: JobRecord) -> bool:
    # Redis searches what is held, since another program may have put entries of any size there. The
    # search of the queue has just loaded the script.
    commands: list[tuple[Arg, ...]] = []
    for each in lists:
        commands += (_search(each, "left", job).command(), ("LLEN", each))
    replies = [connection.checked(reply) for reply in connection.pipeline(commands)]
    for reply, length in zip(replies[::2], replies[1::2], strict=True):
        held = None if reply is None else FindReply(*reply)
        if held is not None and (held.position >= 0 or held.looked < (length or 0)):
            return True
    return False
