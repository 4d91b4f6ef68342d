"""The history of queues: how many jobs are pending, each minute, and what was counted, each hour.

Scripts count what happens in a queue by the minute, and that is kept for a day. A supervisor takes
samples of the number of jobs, which no script counts, and makes the figures of an hour out of those of
its minutes, which are kept for two weeks. No job costs anything for it. A minute without a worker has no
sample.
"""

from __future__ import annotations

import binascii
import time
from collections.abc import Callable, Sequence

from asok_core.backends.redis import parsing
from asok_core.backends.redis.calls.history import QueueHour, RecordHours, SampleQueues, SampleReply
from asok_core.backends.redis.calls.reading import ReadHistory
from asok_core.backends.redis.connection import Connection
from asok_core.backends.redis.keys import COARSE, LONGEST_NAME, Keys
from asok_core.backends.redis.members import members
from asok_core.backends.redis.packed_figures import MOST_BYTES, entries
from asok_core.backends.redis.queue_blocks import (
    DEPTH,
    MINUTES,
    OF_ALL,
    depths_key,
    packed_period,
    slots,
)
from asok_core.clock import DAY, HOUR, MINUTE
from asok_core.inspection.queue_history import MINUTES_KEPT, Period, period_of_minutes
from asok_core.inspection.queues import Bucket, add_to

MOST_QUEUES = 500
"""Queues that have a history of their own: the first by name."""
MOST_SUMMED = 10_000
"""Queues of which a history of all together is recorded; that of more is not known."""
AT_ONCE = 100
"""Queues of one step of a sample: it takes Redis less than a millisecond."""
HOURS_AT_ONCE = 5
"""Queues of which an hour is read and written at once."""
PART = 10 * MINUTE
"""Seconds of which counters are read at once: those of an hour of very different jobs take Redis 7 ms."""
CLAIM = 10.0
"""Seconds for which the others leave the sample to a supervisor, after each of its steps."""
LATE = 60
"""Seconds after the end of an hour until its figures are made."""
LONGEST = 0.1
"""Seconds for which figures of hours are made: a supervisor must come to its other duties."""
PAUSE = 0.5
"""Seconds until more of them are made."""
SPREAD = 5.0
"""Seconds of a minute over which supervisors ask whether it is sampled."""


class QueueRecorder:
    """Records the history, if no other supervisor than ``supervisor`` does. For one thread.

    ``between`` is called between two steps, for heartbeats.
    """

    def __init__(self, keys: Keys, supervisor: str, between: Callable[[], object]) -> None:
        self._keys = keys
        self._supervisor = supervisor
        self._between = between
        self._offset = binascii.crc32(supervisor.encode()) % 1000 / 1000 * SPREAD
        self._sample_due = 0.0
        self._hours: list[int] = []
        """Hours whose figures are to be made, the oldest first."""
        self._recorded_hour = 0
        """The last hour whose figures were made."""
        self._sum: _HourSum | None = None

    def step(self, connection: Connection) -> float:
        """Take the sample of this minute, or make figures of hours. Returns the seconds until the next.

        Raises Unreachable or Refused.
        """
        if time.monotonic() >= self._sample_due:
            self._sample_due = time.monotonic() + self._sample(connection)
        elif self._hours:
            self._record_hours(connection)
        wait = max(0.0, self._sample_due - time.monotonic())
        return min(wait, PAUSE) if self._hours else wait

    def _sample(self, connection: Connection) -> float:
        """Seconds until the next sample is due."""
        done = self._take(connection, 0, 0, [], own=0, ends=False)
        if done.minute:
            names, are_all = self._names(connection)
            pending = 0 if are_all else -1
            for at in range(0, len(names), AT_ONCE):
                last = at + AT_ONCE >= len(names)
                some = names[at : at + AT_ONCE]
                own = max(MOST_QUEUES - at, 0)
                done = self._take(connection, done.minute, pending, some, own=own, ends=last)
                pending = done.pending
                if not done.minute:
                    break
                self._between()
        if done.held:
            self._hours = []
            return CLAIM
        if done.minute:
            self._hours = self._missing_hours(connection, done.second)
        return MINUTE - done.second % MINUTE + self._offset

    def _take(
        self,
        connection: Connection,
        minute: int,
        pending: int,
        names: Sequence[bytes],
        *,
        own: int,
        ends: bool,
    ) -> SampleReply:
        return connection.run(
            SampleQueues(
                ns=self._keys.namespace,
                supervisor=self._supervisor,
                claim=int(CLAIM * 1000),
                sampled=minute,
                pending=pending,
                own=own,
                ends=ends,
                queues=names,
            )
        )

    def _names(self, connection: Connection) -> tuple[list[bytes], bool]:
        """Queues in order, and whether these are all: of too many it is those with their own history."""
        found = {b"default", *members(connection, self._keys.queues, MOST_SUMMED + 1)}
        names = sorted(name for name in found if 0 < len(name) <= LONGEST_NAME)
        if len(names) > MOST_SUMMED:
            return names[:MOST_QUEUES], False
        return names, True

    def _missing_hours(self, connection: Connection, now: int) -> list[int]:
        """Hours that are over, that have no figures, and of which all minutes are kept."""
        first = -(-(now - MINUTES_KEPT) // HOUR) * HOUR + HOUR
        last = (now - LATE) // HOUR * HOUR - HOUR
        known = self._recorded_hour
        for day in (first // DAY * DAY, last // DAY * DAY):
            block = self._read(connection, [self._keys.hours(day)], MOST_BYTES)[0]
            known = max([known, *(day + each.bucket * HOUR for each in entries(block))])
        # By a clock that was ahead it may be later: then the next hour is added as usual.
        known = min(known, last)
        return list(range(max(first, known + HOUR), last + 1, HOUR))

    def _record_hours(self, connection: Connection) -> None:
        end = time.monotonic() + LONGEST
        while self._hours and time.monotonic() < end:
            hour = self._hours[0]
            if self._sum is None or self._sum.hour != hour:
                self._sum = _HourSum(hour, *self._names(connection))
            some, self._sum.names = self._sum.names[:HOURS_AT_ONCE], self._sum.names[HOURS_AT_ONCE:]
            if some:
                self._write(connection, hour, self._of_queues(connection, self._sum, some))
            else:
                # Behind all queues: an hour that has this is complete.
                all_of_them = self._sum.period(self._depths(connection, [None], hour)[0])
                self._write(connection, hour, [QueueHour(b"", packed_period(all_of_them))])
                self._recorded_hour = hour
                self._hours, self._sum = self._hours[1:], None
            self._between()

    def _of_queues(
        self, connection: Connection, whole: _HourSum, names: Sequence[bytes]
    ) -> list[QueueHour]:
        """The figures of some queues in an hour of which anything is recorded."""
        hour, found = whole.hour, []
        for name, depth in zip(names, self._depths(connection, names, hour), strict=True):
            buckets = self._buckets(connection, name, hour)
            whole.add(buckets)
            period = period_of_minutes(hour, depth, buckets)
            if period.is_recorded and name in whole.own:
                found.append(QueueHour(name, packed_period(period)))
        return found

    def _buckets(self, connection: Connection, name: bytes, hour: int) -> list[Bucket]:
        """The counters of a queue in each minute of an hour, in several round trips."""
        found: list[Bucket] = []
        for first in range(hour, hour + HOUR, PART):
            call = ReadHistory(
                ns=self._keys.namespace,
                queue=name,
                fine=False,
                first=first,
                last=first + PART - COARSE,
            )
            found += parsing.buckets(connection.run(call), COARSE)
        return found

    def _write(self, connection: Connection, hour: int, figures: Sequence[QueueHour]) -> None:
        day = hour // DAY * DAY
        connection.run(
            RecordHours(
                ns=self._keys.namespace, day=day, bucket=(hour - day) // HOUR, figures=figures
            )
        )

    def _depths(
        self, connection: Connection, names: Sequence[bytes | None], hour: int
    ) -> list[list[tuple[int | None, ...]]]:
        """The depths of queues (None: of all together) in each minute of an hour."""
        found = [
            depths_key(self._keys, None if name is None else parsing.text(name), hour)
            for name in names
        ]
        size = MINUTES * OF_ALL * DEPTH
        blocks = self._read(connection, [key for key, _ in found], size)
        return [slots(block, depths) for block, (_, depths) in zip(blocks, found, strict=True)]

    def _read(self, connection: Connection, keys: Sequence[str], size: int) -> list[bytes]:
        """Strings of at most ``size`` bytes, or the ends of longer ones; '' for a key of another type."""
        commands = [("GETRANGE", parsing.raw(key), -size, -1) for key in keys]
        replies = [connection.checked(each) for each in connection.pipeline(commands)]
        return [each if isinstance(each, bytes) else b"" for each in replies]


class _HourSum:
    """All queues together in an hour, while ``names`` are still to be added.

    ``are_all``: whether there are no others. Only those of ``own`` have a history of their own.
    """

    def __init__(self, hour: int, names: list[bytes], are_all: bool) -> None:
        self.hour = hour
        self.names = names
        self.own = frozenset(names[:MOST_QUEUES])
        self._are_all = are_all
        self._minutes: dict[int, Bucket] = {}

    def add(self, buckets: Sequence[Bucket]) -> None:
        """Add the minutes of a queue in which anything was counted."""
        add_to(self._minutes, buckets)

    def period(self, depths: Sequence[tuple[int | None, ...]]) -> Period:
        """What was added, with the depths of each minute; nothing known where queues are missing."""
        if not self._are_all:
            return Period(self.hour, MINUTES)
        return period_of_minutes(self.hour, depths, list(self._minutes.values()))
