"""What became of every job: Redis and the journal of the tasks, set against each other."""

from __future__ import annotations

import json
import statistics
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import redis

from asok_core.jobs.envelope import peek
from tests.chaos.holds import HoldInForce, begun_although_held
from tests.chaos.journal import Journal
from tests.chaos.workers import KILLS, Blow

POISONS = {"leave": "poison", "crash": "poison", "doomed": "doomed"}


@dataclass(frozen=True, slots=True)
class ChaosReport:
    """The figures of a run. ``passed`` when nothing is wrong."""

    enqueued: int
    executed: int
    completed: int
    dead: Mapping[str, int]
    lost: Sequence[str]
    duplicated: int
    recovered: int
    recovery: Sequence[float]
    """Seconds from a blow to the next start of each job of the first queue that it interrupted.

    Those of other queues wait for their turn as well, for a strict order serves the first queue first.
    """
    blows: Mapping[str, int]
    wrong: Sequence[str] = field(default_factory=list)
    seconds: float = 0.0
    holds: int = 0
    """Holds that all workers confirmed: no job that matches one begins while it is in force."""

    @property
    def passed(self) -> bool:
        """Whether every job is accounted for, once, and everything came to an end."""
        return not self.lost and not self.wrong

    def table(self) -> str:
        """The figures as a Markdown table, and below it what is wrong."""
        slowest = max(self.recovery, default=0.0)
        median = statistics.median(self.recovery) if self.recovery else 0.0
        rows = {
            "enqueued": f"{self.enqueued:,}",
            "executed (attempts begun)": f"{self.executed:,}",
            "completed": f"{self.completed:,}",
            "dead jobs": _spelled(self.dead),
            "**lost**": f"**{len(self.lost)}**",
            "run to the end more than once": f"{self.duplicated:,}",
            "recovered (interrupted and begun again)": f"{self.recovered:,}",
            "seconds to run again (first queue), median and longest": f"{median:.2f} and {slowest:.1f}",
            "kills": _spelled({kind: n for kind, n in self.blows.items() if kind in KILLS}),
            "other blows": _spelled({k: n for k, n in self.blows.items() if k not in KILLS}),
            "holds that all workers confirmed": f"{self.holds:,}",
            "seconds in all": f"{self.seconds:.0f}",
        }
        lines = ["| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows.items())]
        lines += [f"lost: {word}" for word in list(self.lost)[:20]]
        lines += [f"wrong: {each}" for each in self.wrong]
        return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class ChaosRun:
    """What is known outside Redis.

    ``jobs`` are those that Redis acknowledged: their word in the journal -> their id.
    """

    jobs: Mapping[str, str]
    journal: Journal
    blows: Sequence[Blow]
    counts: Mapping[str, int]
    complaints: Sequence[str]
    seconds: float
    deleted: frozenset[str] = frozenset()
    """Keys that were deleted by hand. A job without a record may run again, and its state is unknown."""
    holds: Mapping[str, HoldInForce] = field(default_factory=dict)
    """The holds that all workers had confirmed, by their ids."""


def report(client: redis.Redis, run: ChaosRun) -> ChaosReport:
    """Judge a run by what its tasks wrote down and what Redis holds at the end."""
    jobs, journal = run.jobs, run.journal
    raws = client.lrange("asok:dlq", 0, -1)
    dead_jobs = Counter(peek(raw).id for raw in raws if isinstance(raw, bytes))
    statuses = dict(zip(jobs, job_statuses(client, list(jobs.values())), strict=True))
    done = {word: journal.count(word, "done") for word in jobs}
    lost, dead = [], Counter[str]()
    wrong = list(run.complaints)
    completed = 0
    for word, job_id in jobs.items():
        status, buried = statuses[word], dead_jobs.pop(job_id, 0)
        completed += status == "completed"
        if buried:
            dead[_kind(client, job_id)] += 1
        if not done[word] and not buried:
            lost.append(f"{word} ({status}, begun {journal.count(word, 'start')} times)")
        elif f"asok:job:{job_id}" in run.deleted:
            # Its record is gone, or is of a second run; the journal says what it came to.
            completed += status != "completed" and not buried
        elif buried != (status == "failed") or status not in ("completed", "failed"):
            wrong.append(f"{word} is {status}, with {buried} dead jobs, done {done[word]} times")
    settled = _counted(client, "completed")
    if settled > completed and not run.deleted:
        # The counter is written by the script that removes the job from an active list.
        wrong.append(f"{settled} jobs were settled as completed, of which there are {completed}")
    records = {word: _task_and_queue(client, job_id) for word, job_id in jobs.items()}
    wrong += begun_although_held(run.holds, journal, run.blows, records)
    wrong += [f"{job_id} is a dead job that was not enqueued" for job_id in dead_jobs]
    interrupted = list(_interrupted(journal, run.blows))
    first = {word for word, (_, queue) in records.items() if queue == "high"}
    return ChaosReport(
        enqueued=len(jobs),
        executed=sum(journal.count(word, "start") for word in jobs),
        completed=completed,
        dead=dead,
        lost=lost,
        duplicated=sum(count > 1 for count in done.values()),
        recovered=len(interrupted),
        recovery=[after for word, after in interrupted if word in first and after is not None],
        blows=run.counts,
        wrong=wrong[:20],
        seconds=run.seconds,
        holds=len(run.holds),
    )


def job_statuses(client: redis.Redis, ids: Sequence[str]) -> Iterator[str]:
    """The statuses of jobs by their records, of either form, in their order."""
    for start in range(0, len(ids), 500):
        batch = [f"asok:job:{job_id}" for job_id in ids[start : start + 500]]
        pipeline = client.pipeline(transaction=False)
        for key in batch:
            pipeline.hget(key, "status")
            pipeline.get(key)
        replies = pipeline.execute(raise_on_error=False)
        for as_hash, as_text in zip(replies[::2], replies[1::2], strict=True):
            if isinstance(as_hash, bytes):
                yield as_hash.decode()
            elif isinstance(as_text, bytes):
                yield str(json.loads(as_text)["status"])
            else:
                yield "without a record"


def _counted(client: redis.Redis, field: str) -> int:
    """A counter over all queues and all of the run."""
    keys = client.scan_iter(match="asok:stats:*:m*", count=1000)
    return sum(int(client.hget(key, field) or 0) for key in keys)


def _kind(client: redis.Redis, job_id: str) -> str:
    name = client.hget(f"asok:job:{job_id}", "function") or b""
    return POISONS.get(name.decode().rpartition(".")[2], "unlucky")  # type: ignore[union-attr]


def _task_and_queue(client: Any, job_id: str) -> tuple[str, str]:
    try:
        found = client.hmget(f"asok:job:{job_id}", "function", "queue")
    except redis.ResponseError:
        found = []  # the framework's record is a string, and names no queue
    task, queue = [(each or b"").decode() for each in found] or ("", "")
    return task, queue


def _interrupted(journal: Journal, blows: Sequence[Blow]) -> Iterator[tuple[str, float | None]]:
    """Each job that was begun, not ended and begun again; the seconds since the blow, if one did it."""
    struck = [blow for blow in blows if blow.pids]
    for word, lines in journal.lines.items():
        for at, line in enumerate(lines):
            rest = lines[at + 1 :]
            again = next((each for each in rest if each.word == "start"), None)
            ended = any(each.pid == line.pid and each.word != "start" for each in rest)
            if line.word != "start" or again is None or ended:
                continue
            moments = [b.at for b in struck if line.pid in b.pids and line.at <= b.at <= again.at]
            yield word, again.at - min(moments) if moments else None


def _spelled(counts: Mapping[str, int]) -> str:
    parts = ", ".join(f"{count:,} {name}" for name, count in sorted(counts.items()) if count)
    return f"{sum(counts.values()):,} ({parts})" if parts else "0"
