"""Renewal: the records and unique keys of unfinished jobs live as long as the jobs do.

They have a TTL of 30 days, so that none stays forever when its job disappears without an end: a list is
deleted, or a foreign worker takes the job and keeps no record. While a job waits, its TTL is renewed:
the supervisors share one slow walk over all that waits, some jobs a second, at most one round an
hour. After its walk a round looks at all keys. What neither this walk nor the one before has met, nor
any move has written since, belongs to a job that is in no location: it gets the 24 h of a finished one.
A job that both walks missed, for it moved at a bad moment, is met by the next, hours before that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from asok_core.backends.redis import parsing
from asok_core.backends.redis.calls.reading import ReadWindow
from asok_core.backends.redis.calls.walks import (
    BeginRenewal,
    EndRenewal,
    ExpireMissing,
    Renew,
    RenewedJob,
    RoundField,
    SetAsideUnclaimed,
    Slice,
)
from asok_core.backends.redis.connection import Connection
from asok_core.backends.redis.consuming.oversized import OversizedEntry, set_aside
from asok_core.backends.redis.keys import Keys, glob_escaped
from asok_core.backends.redis.members import members
from asok_core.backends.redis.server_clock import epoch_seconds
from asok_core.jobs.envelope import peek
from asok_core.jobs.job import UNFINISHED_TTL
from asok_core.jobs.numbers import count, number
from asok_core.settings.settings import LARGEST_ENVELOPE

BATCH_BYTES = 1024 * 1024
JOBS_AT_ONCE = 300
"""Jobs of one step: a few milliseconds for a supervisor, one for Redis."""
KEYS_AT_ONCE = 1000
"""The same for the look at all keys."""
PAUSE = 1.0
"""Seconds between two steps, of whichever supervisors."""
ROUND = 3600.0
"""Seconds between the starts of two rounds, at least."""
LONGEST_WAIT = 60.0
"""Seconds after which a supervisor looks again whether a step is due."""
STEP_LOCK = 10.0
"""Seconds for which a step keeps others from the next. Two at once do no harm."""
ACTIVE = 600.0
"""Seconds between two renewals of what a worker itself holds."""

_SCAN = b"*"
"""The location of a round that is past its walk. No key has this name."""


@dataclass(frozen=True, slots=True)
class RenewalStep:
    """What a step did. ``wait`` is seconds until the next; ``lost`` is set once a round, at its end."""

    wait: float
    renewed: int = 0
    lost: int = 0
    aside: tuple[OversizedEntry, ...] = ()
    """What was too large to be an envelope, also in queues that no worker serves, and was set aside."""


@dataclass(slots=True)
class RenewalRound:
    """How far a round is. Times are epoch seconds of Redis; 0 where there is none."""

    began: float = 0.0
    last: float = 0.0
    """When the round before began."""
    location: bytes = b""
    """The key that the walk is at."""
    at: int = 0
    """Jobs of that key that are behind it, or the cursor of the SCAN."""
    lost: int = 0


class Renewal:
    """The shared walk. For one thread of a supervisor; raises Unreachable or Refused."""

    def __init__(self, keys: Keys, worker: str, *, largest: int = LARGEST_ENVELOPE) -> None:
        self._keys = keys
        self._worker = worker
        self._largest = largest
        self._aside: list[OversizedEntry] = []

    def step(self, connection: Connection) -> RenewalStep:
        """Do the next step of the round, if one is due and no other supervisor does it."""
        keys = self._keys
        begun = connection.run(
            BeginRenewal(
                ns=keys.namespace, worker=self._worker, lock=_ms(STEP_LOCK), longest=_ms(ROUND)
            )
        )
        if not begun.taken:
            return RenewalStep(min(max(begun.left / 1000, PAUSE), LONGEST_WAIT))
        now = epoch_seconds(begun.time)
        this = _read(begun.state, now)
        if not this.began:
            this = RenewalRound(began=now, last=this.last)
        renewed, budget = (
            self._walk(connection, this) if this.location != _SCAN else (0, JOBS_AT_ONCE)
        )
        ended = budget > 0 and self._scan(connection, this, now)
        wait, lost = PAUSE, 0
        if ended:
            wait, lost = max(PAUSE, this.began + ROUND - now), this.lost
            this = RenewalRound(last=this.began)
        self._save(connection, this, wait)
        aside, self._aside = tuple(self._aside), []
        return RenewalStep(min(wait, LONGEST_WAIT), renewed, lost, aside)

    def _walk(self, connection: Connection, this: RenewalRound) -> tuple[int, int]:
        """Renew up to a step's number of jobs: how many keys, and what is left of that number.

        By index from the end where jobs are taken: what others take meanwhile moves the rest past
        the walk. The next round meets it; the TTL has room for hundreds of them.
        """
        renewed, budget = 0, JOBS_AT_ONCE
        for key in self._locations(connection, this.location):
            if key != this.location:
                this.location, this.at = key, 0
            order = "score" if key == parsing.raw(self._keys.delayed) else "right"
            while budget > 0:
                total, taken, *parts = connection.run(
                    ReadWindow(
                        elements=key,
                        order=order,
                        start=this.at,
                        count=budget,
                        at_once=1,
                        whole=self._largest,
                        least="",
                        sums=False,
                    )
                )
                found = parsing.items(parts, scored=order == "score")
                renewed += renew(connection, self._keys, [item.text for item in found])
                budget -= taken
                gone = 0
                if any(item.size > self._largest for item in found):
                    gone = self._expel(connection, key, this.at, taken)
                this.at += taken - gone
                total -= gone
                if not taken or this.at >= total:
                    break
            if budget <= 0:
                return renewed, 0
        this.location, this.at = _SCAN, 0
        return renewed, budget

    def _expel(self, connection: Connection, key: bytes, start: int, count: int) -> int:
        """Set aside what is oversized among ``count`` entries from ``start``; return how many."""
        if self._keys.held_parts(parsing.text(key)):
            # Only what was read and opened is kept.
            return 0
        queue = self._keys.queue_name(parsing.text(key)) or ""
        call = SetAsideUnclaimed(
            ns=self._keys.namespace,
            queue=parsing.raw(queue),
            passed=start,
            count=count,
            largest=self._largest,
        )
        gone = 0
        while reply := connection.run(call):
            found = list(set_aside(reply, (queue or "delayed jobs",)))
            self._aside += found
            gone += len(found)
        return gone

    def _locations(self, connection: Connection, start: bytes) -> list[bytes]:
        """The keys from ``start`` on where jobs wait, in their order, but for those that hold none."""
        names = {parsing.text(name) for name in members(connection, self._keys.queues)}
        lists = {parsing.raw(self._keys.queue(name)) for name in names | {"default"}}
        held = map(parsing.text, members(connection, self._keys.held_lists))
        lists |= {parsing.raw(self._keys.held_list(name)) for name in held}
        delayed = parsing.raw(self._keys.delayed)
        locations = sorted(key for key in lists | {delayed} if key >= start)
        lengths = connection.pipeline(
            [("ZCARD" if key == delayed else "LLEN", key) for key in locations]
        )
        # A key of another type holds no jobs.
        return [key for key, n in zip(locations, lengths, strict=True) if connection.checked(n)]

    def _scan(self, connection: Connection, this: RenewalRound, now: float) -> bool:
        """One step over all keys; whether it was the last."""
        age = now - this.last if this.last else UNFINISHED_TTL
        pattern = f"{glob_escaped(self._keys.namespace)}:*"
        cursor, lost = connection.run(
            ExpireMissing(
                ns=self._keys.namespace,
                pattern=pattern,
                cursor=this.at,
                count=KEYS_AT_ONCE,
                age=int(age) + 1,
            )
        )
        this.at = int(cursor)
        this.lost += lost
        return this.at == 0

    def _save(self, connection: Connection, this: RenewalRound, wait: float) -> None:
        connection.run(
            EndRenewal(
                ns=self._keys.namespace,
                worker=self._worker,
                wait=_ms(wait),
                ttl=UNFINISHED_TTL,
                fields=[
                    RoundField("began", repr(this.began)),
                    RoundField("last", repr(this.last)),
                    RoundField("location", this.location),
                    RoundField("at", this.at),
                    RoundField("lost", this.lost),
                ],
            )
        )


def renew(connection: Connection, keys: Keys, envelopes: Iterable[bytes]) -> int:
    """Renew the records and unique keys of the jobs in ``envelopes``; returns how many keys."""
    jobs = [
        RenewedJob(job.id, job.unique or "")
        for job in (peek(raw).job for raw in envelopes)
        if job is not None
    ]
    return connection.run(Renew(ns=keys.namespace, jobs=jobs)) if jobs else 0


def renew_active(
    connection: Connection,
    keys: Keys,
    lists: Sequence[tuple[str, str]],
    between: Callable[[], object] = lambda: None,
) -> None:
    """Renew what is in some active lists (process, queue), however long it runs already.

    ``between`` is called between two batches, for heartbeats.
    """
    names = [keys.active(*each) for each in lists]
    lengths = connection.pipeline([("LLEN", name) for name in names])
    for name, length in zip(names, lengths, strict=True):
        passed = 0
        while connection.checked(length):
            # A job that is passed over, as one before it was settled meanwhile, has its turn next time.
            part = connection.run(
                Slice(
                    elements=name,
                    order="left",
                    passed=passed,
                    count=JOBS_AT_ONCE,
                    most=BATCH_BYTES,
                    largest=LARGEST_ENVELOPE,
                )
            )
            if not part:
                break
            renew(connection, keys, [each for each in part if isinstance(each, bytes)])
            passed += len(part)
            between()


def _read(flat: Any, now: float) -> RenewalRound:
    # Whatever another program wrote there: a round that begins again loses nothing.
    fields = dict(zip(flat[::2], flat[1::2], strict=True)) if flat else {}
    return RenewalRound(
        began=_past(fields.get(b"began"), now),
        last=_past(fields.get(b"last"), now),
        location=fields.get(b"location", b""),
        at=count(fields.get(b"at")),
        lost=count(fields.get(b"lost")),
    )


def _past(value: object, now: float) -> float:
    """A time that is past; 0 otherwise: by one to come, records of live jobs would look forgotten."""
    found = number(value) or 0.0
    return found if 0 < found <= now else 0.0


def _ms(seconds: float) -> int:
    return max(1, int(seconds * 1000))
