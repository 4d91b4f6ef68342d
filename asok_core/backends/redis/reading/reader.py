"""The reading side on Redis: no writing command, and a cost that does not grow with queues."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from asok_core.backends.redis.connection import Endpoint
from asok_core.backends.redis.connection_pool import ConnectionPool
from asok_core.backends.redis.keys import COARSE, Keys
from asok_core.backends.redis.reading.pages import PageReader
from asok_core.backends.redis.reading.round_trips import ReaderSession
from asok_core.backends.redis.reading.snapshots import SnapshotBuilder
from asok_core.inspection.job_detail import MOVED, NOT_ALL_LISTS, JobDetail
from asok_core.inspection.notes import is_on, is_over, on_job
from asok_core.inspection.queues import Bucket
from asok_core.inspection.redaction import Redaction
from asok_core.inspection.rows import Row, running_rows
from asok_core.inspection.snapshot import KeyCheck, Snapshot
from asok_core.jobs.keyring import Keyring

if TYPE_CHECKING:
    from asok_core.backends.redis.reading.queue_history import QueueHistoryReader
    from asok_core.backends.redis.reading.tasks import TaskReader
    from asok_core.inspection.audit import Activities, Trash
    from asok_core.inspection.elsewhere import FoundLists, RecordSearch
    from asok_core.inspection.events import Events
    from asok_core.inspection.limits import Limits
    from asok_core.inspection.notes import Notes
    from asok_core.inspection.queue_history import EarlierMinute, QueueHistory
    from asok_core.inspection.release_comparison import Comparison, ReleaseChange
    from asok_core.inspection.task_figures import TaskHistory, TaskRange, TaskTable


class RedisReader(PageReader):
    """Looks at queues, workers and jobs. One object serves any number of threads.

    ``configured`` are the queues that are shown even when nothing was ever put into them. With a
    ``keyring`` signatures are checked; without one no payload is more than unverified. Everything comes
    as it may be shown, by ``redaction``; without one, what tasks declare is hidden.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        keys: Keys,
        *,
        configured: Sequence[str] = ("default",),
        keyring: Keyring | None = None,
        redaction: Redaction | None = None,
    ) -> None:
        session = ReaderSession(ConnectionPool(endpoint), keys)
        super().__init__(session, keys, keyring, redaction or Redaction())
        self.endpoint = endpoint
        self._keyring = keyring
        self._snapshots = SnapshotBuilder(keys, configured, endpoint.shown, self._redaction)
        self._names: tuple[str, ...] = tuple(configured)
        self._memory = threading.Lock()
        self._servers = self._snapshots.servers
        self._task_reader: TaskReader | None = None
        self._queue_history_reader: QueueHistoryReader | None = None

    def snapshot(self, *, rates: bool = True, jobs: bool = True) -> Snapshot:
        """The state of everything, in three round trips; ``snapshots`` names what takes more.

        Without ``rates`` no statistics are read, which is all that a single snapshot needs. Without
        ``jobs`` the running jobs are counted, and named as they were when last read.
        """
        with self._memory:
            snapshot = self._session.run(
                lambda round_trips: self._snapshots.build(round_trips, rates=rates, jobs=jobs)
            )
            self._names = tuple(queue.name for queue in snapshot.queues)
            if self._snapshots.servers != self._servers:
                # What was read of another server, or before this one lost its keys, does not hold.
                self._servers = self._snapshots.servers
                self._task_reader = self._queue_history_reader = None
        return snapshot

    def history(self, queue: str | None, width: int, count: int) -> tuple[Bucket, ...]:
        """``count`` buckets of ``width`` seconds (10 or 60), oldest first; None: all queues.

        The first call for a range reads all of it, later ones only what is new.
        """
        from asok_core.backends.redis.reading.history import read_history

        with self._memory:
            memory = self._snapshots.buckets(width)
            names = self._names if queue is None else (queue,)
            return self._session.run(
                lambda round_trips: read_history(round_trips, memory, names, count)
            )

    def queue_history(
        self, queue: str | None, moments: Callable[[float], tuple[float, float]]
    ) -> QueueHistory:
        """What was recorded of a queue, or of all of the last snapshot (None), between two moments.

        ``moments`` makes them of the time by Redis's clock. Later calls read only what is new.
        """
        with self._memory:
            return self._session.run(
                lambda round_trips: self._queue_histories.history(
                    round_trips, queue, self._names, moments
                )
            )

    def earlier(self, ago: int) -> EarlierMinute:
        """What was recorded of each queue of the last snapshot in the minute ``ago`` seconds ago."""
        with self._memory:
            return self._session.run(
                lambda round_trips: self._queue_histories.minute(round_trips, self._names, ago)
            )

    def tasks(self, span: TaskRange, *, patience: float | None = None) -> TaskTable:
        """What each task did in a range. Later calls read only what is new.

        After ``patience`` seconds the rest is left ``unread``, and the next call continues; None: all.
        """
        with self._memory:
            longest = math.inf if patience is None else patience
            return self._session.run(
                lambda round_trips: self._tasks.table(round_trips, span, longest)
            )

    def task_history(self, name: str, span: TaskRange) -> TaskHistory:
        """What one task did in a range, bucket by bucket. Later calls read only what is new."""
        with self._memory:
            return self._session.run(
                lambda round_trips: self._tasks.history(round_trips, name, span)
            )

    def task_comparisons(self, change: ReleaseChange) -> Mapping[str, Comparison]:
        """Each task before a release and since. Later calls read only what is new."""
        with self._memory:
            return self._session.run(
                lambda round_trips: self._tasks.comparisons(round_trips, change)
            )

    @property
    def _queue_histories(self) -> QueueHistoryReader:
        if self._queue_history_reader is None:
            from asok_core.backends.redis.reading.queue_history import QueueHistoryReader

            memory = self._snapshots.buckets(COARSE)
            self._queue_history_reader = QueueHistoryReader(self.keys, memory)
        return self._queue_history_reader

    @property
    def _tasks(self) -> TaskReader:
        if self._task_reader is None:
            from asok_core.backends.redis.reading.tasks import TaskReader

            self._task_reader = TaskReader(self.keys)
        return self._task_reader

    def running(self) -> tuple[Row, ...]:
        """Jobs that workers hold right now, longest first; those not begun yet come last."""
        return running_rows(self.snapshot())

    def job(
        self, job_id: str, *, near: Row | None = None, patience: float | None = None
    ) -> JobDetail | None:
        """All there is of one job, or None.

        A job is looked for in bounded steps and for ``patience`` seconds at most; where that is not
        enough ``complete`` is False. ``near``: where a list showed it.
        """
        from asok_core.backends.redis.reading.search import LONGEST, find_job

        longest = LONGEST if patience is None else patience

        def find(near: Row | None, others: FoundLists | None = None) -> JobDetail:
            return self._session.run(
                lambda round_trips: find_job(
                    round_trips,
                    self.keys,
                    self._names,
                    self._keyring,
                    job_id,
                    near=near,
                    others=others,
                    patience=longest,
                )
            )

        detail = find(near)
        if _is_nowhere(detail):
            # No record leads to a job that is claimed and has not begun, nor to one without a record.
            names = self._names
            held = next((each for each in self.running() if each.payload.id == job_id), None)
            # It may as well have moved on while it was looked for, or be in a queue not known before.
            moved = detail.missing or MOVED in detail.gaps
            if held is not None or moved or names != self._names:
                detail = find(held)
        if _is_nowhere(detail):
            # What one snapshot does not name, and what workers hold that were lost.
            others = self._snapshots.unnamed
            if not others.whole and longest > LONGEST:
                others = self.lists(longest)
            found = find(None, others)
            gaps = (*detail.gaps, *found.gaps, *(() if others.whole else (NOT_ALL_LISTS,)))
            is_found = found.location is not None
            detail = found if is_found else detail._replace(gaps=tuple(dict.fromkeys(gaps)))
        if detail.is_unknown and detail.complete:
            return None
        note, about = detail.note, on_job(job_id, detail.task)
        if note is not None and (is_over(note, detail.read_at) or not is_on(note, about)):
            detail = detail._replace(note=None)
        return self._redaction.detail(detail)

    def lists(self, patience: float = math.inf) -> FoundLists:
        """The lists of all queues and processes, by a SCAN of all keys.

        It takes ``patience`` seconds at most. ``whole`` is False where that is too short, and for a user
        who has no right to it.
        """
        from asok_core.backends.redis.reading.key_scans import find_lists

        return self._session.run(lambda round_trips: find_lists(round_trips, self.keys, patience))

    def ids(self, beginning: str, most: int) -> tuple[str, ...] | None:
        """Ids of records that begin so: all, or at least ``most``. It scans all keys, in small steps.

        None for a user who has no right to do that.
        """
        from asok_core.backends.redis.reading.key_scans import ids_that_begin

        return self._session.run(
            lambda round_trips: ids_that_begin(round_trips, self.keys, beginning, most)
        )

    def elsewhere(self, job_id: str, most: int) -> RecordSearch:
        """Where else than here a record has this id: in other namespaces and databases.

        ``most``: keys that it scans for other namespaces, at least.
        """
        from asok_core.backends.redis.reading.elsewhere import find_elsewhere

        return self._session.run(
            lambda round_trips: find_elsewhere(round_trips, self.endpoint, self.keys, job_id, most)
        )

    def activity(self, count: int, *, trash_of: Collection[str] | None = None) -> Activities:
        """What operators did lately, newest first, with what can still be undone.

        ``trash_of``: the operations of which that is read; None: all.
        """
        from asok_core.backends.redis.audit import read_activity

        return self._session.run(
            lambda round_trips: read_activity(
                round_trips.connection, self.keys, count, trash_of=trash_of
            )
        )

    def events(self, count: int, *, after: str = "", before: str = "") -> Events:
        """At most ``count`` events, newest first, of those between two ids (neither included)."""
        from asok_core.backends.redis.reading.events import events_now

        return self._session.ask(
            lambda queries: events_now(queries, self.keys, count, after=after, before=before)
        )

    def notes(self) -> Notes:
        """The notes of operators on jobs, queues and error groups, in one round trip."""
        from asok_core.backends.redis.reading.notes import notes_now

        return self._session.ask(lambda queries: notes_now(queries, self.keys))

    def limits(self) -> Limits:
        """The limits of operators, and what runs and waits under each limit: some thousand buckets."""
        from asok_core.backends.redis.reading.limits import read_limits

        return self._session.run(
            lambda round_trips: read_limits(round_trips, self.keys, self._redaction)
        )

    def trash(self, operations: Iterable[str] | None = None) -> Trash:
        """How many jobs the trash of some operations holds; None: of all, by a SCAN over all keys."""
        from asok_core.backends.redis.reading.trash import read_trash

        return self._session.run(
            lambda round_trips: read_trash(round_trips.connection, self.keys, operations)
        )

    def check_key(self) -> KeyCheck:
        """Verify a small sample of the signatures; nothing is sampled without SECRET_KEY."""
        from asok_core.backends.redis.reading.key_check import check_key

        keyring = self._keyring
        if keyring is None:
            return KeyCheck()
        return self._session.run(
            lambda round_trips: check_key(round_trips, self.keys, keyring, self._names)
        )

    def close(self) -> None:
        """Close the connections."""
        self._session.close()


def _is_nowhere(detail: JobDetail) -> bool:
    return detail.location is None and not detail.has_ended
