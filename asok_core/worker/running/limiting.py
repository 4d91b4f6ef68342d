"""The limits of jobs that a process claims: whether each may start, and that it no longer counts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from asok_core.backends.redis.calls.limits import JobLimit, LeftLimit, LimitedJob
from asok_core.backends.redis.consuming.consumer import Consumer
from asok_core.backends.redis.consuming.limits import leave_limits, start_limited
from asok_core.backends.redis.consuming.outcomes import Outcome
from asok_core.backends.redis.flags import StartFlag
from asok_core.inspection.limits import LimitRule
from asok_core.inspection.redaction import Redaction
from asok_core.jobs.declared_limits import LONGEST_VALUE, limit_in, value_json
from asok_core.jobs.job import LIMIT, Job
from asok_core.jobs.limits import Limit, bucket_of
from asok_core.runtime.logs import safe_logger
from asok_core.worker.running.claimed_job import AppliedLimit, ClaimedJob

logger = safe_logger("asok.worker")

DECLARED = f'\\"{LIMIT}\\": {{'.encode()
"""What the envelope of a job has that carries a limit; of few others."""
HIDDEN = '"hidden"'
"""The value, as JSON, that is shown of an argument that is hidden."""


class LimitIndex:
    """The limits that operators set, so that those of a job are found at once. Immutable."""

    def __init__(self, rules: Sequence[LimitRule] = ()) -> None:
        self.rules: Mapping[str, LimitRule] = {each.identity: each for each in rules}
        self._of_queue = {each.queue: each for each in rules if each.queue}
        self._of_task: dict[str, list[LimitRule]] = {}
        for each in rules:
            if each.task:
                self._of_task.setdefault(each.task, []).append(each)

    def __bool__(self) -> bool:
        return bool(self.rules)

    def limits(self, job: Job) -> Iterator[tuple[str, str, str, Limit]]:
        """Identity, value (JSON), what the code declares, and the limit, of all that are about a job."""
        declared = limit_in(job)
        if rule := self._of_queue.get(job.queue):
            yield rule.identity, "", "", rule.limit
        for rule in self._of_task.get(job.task, ()):
            if declared is not None and declared.identity == rule.identity:
                continue
            if rule.key is None:
                yield rule.identity, "", "", rule.limit
                continue
            try:
                value = rule.key.value(job)
            except LookupError:
                value = None
            yield rule.identity, value_json(value), "", rule.limit
        if declared is not None:
            over = self.rules.get(declared.identity)
            value = value_json(declared.value) if declared.key else ""
            limit = declared.limit if over is None else over.limit
            yield declared.identity, value, declared.limit.text, limit


class Limiting:
    """Asks Redis for jobs that limits are about whether they may start. For the dispatcher's thread."""

    def __init__(self, redaction: Redaction) -> None:
        self.index = LimitIndex()
        self._redaction = redaction
        self._starts = 0

    def may_limit(self, claimed: ClaimedJob) -> bool:
        """Whether a job is to be opened, as a limit may be about it."""
        return bool(self.index) or DECLARED in claimed.claim.envelope

    def start(
        self, consumer: Consumer, batch: Sequence[ClaimedJob], *, running: bool = False
    ) -> dict[ClaimedJob, StartFlag]:
        """Opened jobs that limits are about, and whether each may start. ``running``: they run already.

        Raises Unreachable or Refused.
        """
        limited = [
            (claimed, new) for claimed in batch if (new := self._newly_limited(consumer, claimed))
        ]
        if not limited:
            return {}
        jobs = [_job_row(claimed, new[0].holder, running=running) for claimed, new in limited]
        limits = [
            _limit_row(number, each) for number, (_, new) in enumerate(limited, 1) for each in new
        ]
        reply = start_limited(consumer.connection, consumer.keys, consumer.process, jobs, limits)
        flags = map(StartFlag, reply)
        found = {claimed: flag for (claimed, _), flag in zip(limited, flags, strict=True)}
        for claimed, flag in found.items():
            if flag is not StartFlag.MAY_START:
                claimed.limits = ()
            if flag is StartFlag.NO_RECORD:
                logger.error(
                    "Job %s stays active: the list in which it would wait for a limit is not a list",
                    claimed.opened.id,
                )
        return found

    def _newly_limited(self, consumer: Consumer, claimed: ClaimedJob) -> list[AppliedLimit]:
        """Set the limits of a job as they are now. Returns those that do not count it yet."""
        job = claimed.job
        if job is None:
            return []
        known = {each.bucket: each for each in claimed.limits}
        self._starts += 1
        holder = f"{consumer.process}\n{claimed.claim.queue}\n{self._starts}"
        new: list[AppliedLimit] = []
        for identity, value, declared, limit in self.index.limits(job):
            bucket = bucket_of(identity, value)
            before = known.get(bucket)
            # What a rate alone let start is not counted as running.
            if before is not None and (before.limit.at_once or not limit.at_once):
                known[bucket] = before._replace(limit=limit)
            else:
                known.pop(bucket, None)
                # Half of a surrogate pair, which JSON may have, is shown as its escape.
                shown = self._shown(job, value).encode("utf-8", "backslashreplace").decode()
                new.append(AppliedLimit(bucket, identity, shown, declared, limit, holder))
        claimed.limits = (*known.values(), *new)
        return new

    def _shown(self, job: Job, value: str) -> str:
        if not value:
            return value
        if len(value) > LONGEST_VALUE:
            return value_json(value.lstrip('"')[:LONGEST_VALUE] + "\N{HORIZONTAL ELLIPSIS}")
        if not (self._redaction.has_patterns or job.redact):
            return value
        shown = self._redaction.job(job)
        # Which of the arguments it is matters not: one that is hidden is in none of those that are shown.
        return value if shown is job or value in map(value_json, _values(shown)) else HIDDEN

    def follow(self, rules: Sequence[LimitRule]) -> bool:
        """Enforce these limits of operators from now on. Returns whether they are others."""
        if tuple(self.index.rules.values()) == tuple(rules):
            return False
        self.index = LimitIndex(rules)
        return True

    def leave(self, consumer: Consumer, ended: Iterable[tuple[ClaimedJob, Outcome]]) -> None:
        """Count no longer what is settled. What is lost here a supervisor finds. Raises Unreachable."""
        # A rate counts starts only.
        left = [
            _left_row(claimed, outcome, each)
            for claimed, outcome in ended
            for each in claimed.limits
            if each.limit.at_once
        ]
        if left:
            leave_limits(consumer.connection, consumer.keys, left)


def _values(job: Job) -> Iterator[object]:
    yield from job.args
    yield from job.kwargs.values()


def _job_row(claimed: ClaimedJob, holder: str, *, running: bool) -> LimitedJob:
    job = claimed.opened
    return LimitedJob(
        queue=claimed.claim.queue,
        envelope=claimed.claim.envelope,
        id=job.id,
        task=job.task,
        retries=job.retries,
        retry_count=job.retry_count,
        unique=job.unique or "",
        holder=holder,
        running=1 if running else 0,
    )


def _limit_row(number: int, applied: AppliedLimit) -> JobLimit:
    limit = applied.limit
    return JobLimit(
        job=number,
        bucket=applied.bucket,
        identity=applied.identity,
        value=applied.value,
        declared=applied.declared,
        at_once=limit.at_once,
        interval=limit.interval,
        burst=limit.burst,
    )


def _left_row(claimed: ClaimedJob, outcome: Outcome, applied: AppliedLimit) -> LeftLimit:
    return LeftLimit(
        queue=outcome.claim.queue,
        id=claimed.opened.id,
        holder=applied.holder,
        next=1 if outcome.verb == "return" else 0,
        bucket=applied.bucket,
        at_once=applied.limit.at_once,
        interval=applied.limit.interval,
        burst=applied.limit.burst,
    )
