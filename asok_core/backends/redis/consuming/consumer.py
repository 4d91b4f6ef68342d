"""The consuming side on Redis: one round trip settles finished jobs and claims new ones."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from asok_core.backends.redis.bounded_records import read_bounded_records
from asok_core.backends.redis.connection import Arg, Connection, Endpoint
from asok_core.backends.redis.consuming.oversized import OversizedEntry, set_aside
from asok_core.backends.redis.keys import Keys
from asok_core.backends.redis.reconnecting import ReconnectingConnection
from asok_core.backends.redis.scripts import script
from asok_core.jobs.envelope import peek
from asok_core.jobs.job import RECORD_TTL
from asok_core.jobs.keyring import V1
from asok_core.jobs.numbers import count
from asok_core.jobs.oversized import MOST_READ
from asok_core.jobs.states import Status
from asok_core.settings.settings import LARGEST_ENVELOPE

Verb = Literal["complete", "retry", "fail", "reject", "cancel", "return", "postpone"]


@dataclass(slots=True)
class Claim:
    """An envelope that this process holds. ``queue`` is the one it was taken from.

    ``spent`` is the reply of ``already_ended.lua``: 1 where the record says that the job has ended, 2
    where Redis could not read the job's id, 3 where it could not read the record: see ``look_up``.
    """

    queue: str
    envelope: bytes
    spent: int = field(default=0, compare=False)


DEAD_JOB = b"="


@dataclass(slots=True)
class Outcome:
    """How a claimed job ended, ready for the script. Texts are as the record will hold them.

    ``moved`` is the envelope to delay (retry, postpone) or the dead job (fail, reject); ``delay`` is
    in seconds; ``run_us`` and ``wait_us`` are microseconds. ``started_at`` and ``finished_at`` are epoch
    seconds, 0 for none: a ``complete`` has both, and a ``return`` without ``started_at`` writes no record.
    ``result``, ``result_type``, ``result_error`` and ``kept`` are of a ``complete``. ``error`` is the
    traceback, ``error_line`` the error in one line. ``notice`` is the dead job for which another
    process is to call its failure hooks (``DEAD_JOB``: what is ``moved``).
    ``kept`` is for how many seconds the record of a completed job stays; one without ``result`` and
    ``result_error`` is of a job whose result is not to be kept. ``in_doubt``: it
    was sent, and no reply told whether it arrived.
    """

    verb: Verb
    claim: Claim
    id: str = ""
    task: str = ""
    retries: int = 0
    retry_count: int = 0
    unique: str = ""
    started_at: float = 0.0
    finished_at: float = 0.0
    run_us: int = 0
    wait_us: int = 0
    error: str = ""
    result: str = ""
    result_type: str = ""
    result_error: str = ""
    moved: bytes = b""
    delay: float = 0.0
    error_line: str = ""
    notice: bytes = b""
    kept: float = RECORD_TTL
    in_doubt: bool = False


@dataclass(slots=True)
class Start:
    """A job that has begun; or, ``returnable``, one that came by the idle wait and asks to begin.

    Of the latter nothing but the claim is needed: its record is not written yet.
    """

    claim: Claim
    id: str = ""
    task: str = ""
    retries: int = 0
    retry_count: int = 0
    started_at: float = 0.0
    returnable: bool = False


@dataclass(slots=True)
class Turn:
    """What a cycle replied. Flags are those of ``cycle.lua``, in the order of what was sent."""

    lease_left: float
    """Seconds until the lease ends; 0 or less when it is lost, and then nothing was claimed."""
    server_time: float
    settled: list[int] = field(default_factory=list)
    admitted: list[int] = field(default_factory=list)
    claims: list[Claim] = field(default_factory=list)
    paused: frozenset[str] = frozenset()
    suspects: bool = False
    dropped: int = 0
    broken: tuple[str, ...] = ()
    notices: bool = False
    """Whether there are failures that hooks have yet to hear of."""
    dead: int = 0
    """Dead jobs after one was added; 0 when none was."""
    aside: list[OversizedEntry] = field(default_factory=list)
    """What was set aside in place of a claim."""


class Holding(NamedTuple):
    """What a process holds, and what of it was set aside."""

    claims: list[Claim]
    aside: list[OversizedEntry]


class Consumer:
    """What one process of a worker asks of Redis, on one connection. For one thread.

    ``largest`` is how many bytes an envelope may have.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        keys: Keys,
        *,
        worker: str,
        process: str,
        queues: Sequence[str],
        dlq_max: int,
        largest: int = LARGEST_ENVELOPE,
    ) -> None:
        self.endpoint = endpoint
        self.keys = keys
        self.process = process
        self._worker = worker
        self.queues = tuple(queues)
        self._head: tuple[Arg, ...] = (keys.namespace, worker, process)
        self._largest = largest
        self._tail: tuple[Arg, ...] = (dlq_max, "RIGHT", largest, len(self.queues), *self.queues)
        self._script = script("cycle")
        self._reconnecting = ReconnectingConnection(endpoint, f"asok:{process}:cycle")

    @property
    def connection(self) -> Connection:
        """The connection, opened when first needed. Raises Unreachable."""
        return self._reconnecting.connection

    def cycle(
        self,
        outcomes: Sequence[Outcome],
        starts: Sequence[Start],
        slots: int,
        meanwhile: Callable[[], object] | None = None,
        *,
        probe: int = 0,
    ) -> Turn:
        """Settle, note starts and claim up to ``slots`` jobs. Safe to send again after a lost reply.

        ``meanwhile`` is called while Redis works. ``probe`` looks for another job each time it is one
        greater: the newest of the first queue, the oldest of the next, and so on.
        """
        names, tail = self.queues, self._tail
        if probe:
            first = probe // 2 % len(names)
            names = names[first:] + names[:first]
            tail = (tail[0], "LEFT" if probe % 2 else "RIGHT", *tail[2:4], *names)
        args: list[Arg] = [*self._head, max(slots, 0), *tail, len(outcomes)]
        args += _outcome_args(outcomes)
        args.append(len(starts))
        for s in starts:
            args += (
                s.claim.queue,
                s.claim.envelope,
                s.id,
                s.task,
                s.retries,
                s.retry_count,
                stamp(s.started_at),
                1 if s.returnable else 0,
            )
        reply = self._reconnecting.run(self._script, args, meanwhile)
        left, now, settled, admitted, claimed, paused, suspects, dropped, broken, *reply = reply
        notices, dead, aside, doubtful = reply
        claims = [
            Claim(names[at - 1], envelope)
            for at, envelope in zip(claimed[::2], claimed[1::2], strict=True)
        ]
        for at, flag in zip(doubtful[::2], doubtful[1::2], strict=True):
            claims[at - 1].spent = flag
        return Turn(
            lease_left=left / 1000,
            server_time=now / 1000,
            settled=settled,
            admitted=admitted,
            claims=claims,
            paused=frozenset(names[at - 1] for at in paused),
            suspects=suspects == 1,
            dropped=dropped,
            broken=tuple(names[at - 1] for at in broken),
            notices=notices == 1,
            dead=dead,
            aside=list(set_aside(aside, names)),
        )

    def held(self) -> Holding:
        """Every envelope that this process holds, newest first; what is oversized is set aside."""
        args: list[Arg] = [self.keys.namespace, self.process, "", "", self._largest, 1]
        aside: list[OversizedEntry] = []
        while True:
            _, found, rest = self._reconnecting.run(script("check_active"), [*args, *self.queues])
            if not found:
                break
            aside += set_aside(found, self.queues)
        claims = [
            Claim(self.queues[at - 1], envelope)
            for at, envelope in zip(rest[::2], rest[1::2], strict=True)
        ]
        return Holding(claims, aside)

    def arrived(self, outcomes: Sequence[Outcome]) -> set[str]:
        """Ids of those among outcomes in doubt that are settled, as their jobs' records tell.

        A job without a record counts as settled: whoever takes one over writes a record.
        """
        if not outcomes:
            return set()
        args: list[Arg] = [self.keys.namespace, self.process]
        for each in outcomes:
            args += (each.id, each.verb, stamp(each.started_at), stamp(each.finished_at))
        flags = self.connection.run(script("settled_outcomes"), (), args)
        return {each.id for each, flag in zip(outcomes, flags, strict=True) if flag}

    def look_up(self, claims: Iterable[Claim]) -> None:
        """Read the records of jobs of which Redis could not tell whether they have ended.

        It decodes neither half of a surrogate pair nor more than 1,000 levels, and the framework writes
        both. ``spent`` becomes 1 where the job has ended. Raises Unreachable or Refused.
        """
        doubtful = [claim for claim in claims if claim.spent > 1]
        if not doubtful:
            return
        payloads = [peek(claim.envelope) for claim in doubtful]
        ids = [each.id for each in payloads if each.id]
        records = read_bounded_records(
            self.connection, self.keys, ids, ("status",), whole=MOST_READ
        )
        for claim, payload in zip(doubtful, payloads, strict=True):
            record = records.get(payload.id)
            # The framework may have requeued a job of version 1 that failed: see already_ended.lua.
            if (
                record is not None
                and record.finished
                and (record.status != Status.FAILED or payload.version != V1)
            ):
                claim.spent = 1

    def count_dropped(self, outcomes: Mapping[str, int]) -> None:
        """Count outcomes that were dropped, by queue."""
        if outcomes:
            args: list[Arg] = [self.keys.namespace, self._worker]
            for queue, count in outcomes.items():
                args += (queue, count)
            self.connection.run(script("count_dropped"), (), args)

    def crashes(self, job_ids: Sequence[str]) -> list[int]:
        """How many processes died while running each job."""
        if not job_ids:
            return []
        counts = self._reconnecting.call("MGET", *(self.keys.crashes(job_id) for job_id in job_ids))
        return [count(each) for each in counts]

    def close(self) -> None:
        """Close the connection; the next call opens a new one."""
        self._reconnecting.close()


def stamp(moment: float) -> str:
    """Epoch seconds as records hold them; '' for 0, which is none."""
    return f"{moment:.6f}" if moment else ""


def _outcome_args(outcomes: Sequence[Outcome]) -> list[Arg]:
    """Outcomes as ``settle.lua`` and ``complete.lua`` read them, in their order."""
    args: list[Arg] = []
    group: tuple[Arg, ...] | None = None
    size_at = 0
    for o in outcomes:
        claim = o.claim
        if o.verb == "complete":
            former, group = (
                group,
                (
                    claim.queue,
                    o.task,
                    o.retries,
                    o.retry_count,
                    o.kept,
                    o.unique,
                    o.result_type,
                    o.result_error,
                    stamp(o.started_at) if o.retry_count else "",
                ),
            )
            if group != former:
                size_at = len(args) + 1
                args += ("complete", 0, *group[:4], math.ceil(o.kept), *group[5:])
            args[size_at] += 1  # type: ignore[operator] # it is a number
            end = o.finished_at
            args += (
                claim.envelope,
                o.id,
                f"{end:.6f}",
                int(end * 1e6 + 0.5) - int(o.started_at * 1e6 + 0.5),
                o.run_us,
                o.wait_us,
                o.result,
            )
            continue
        group = None
        args += (
            o.verb,
            claim.queue,
            claim.envelope,
            o.id,
            o.moved,
            repr(o.delay),
            o.unique,
            o.task,
            o.retries,
            o.retry_count,
            stamp(o.started_at),
            stamp(o.finished_at),
            o.error,
            o.run_us,
            o.wait_us,
            o.error_line,
            o.notice,
        )
    return args
