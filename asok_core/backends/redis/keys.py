"""Every Redis key, by name. The names are those of the ``asok`` framework where it has one."""

from __future__ import annotations

import re
from typing import NamedTuple

FINE = 10
"""Seconds of a fine statistics bucket, kept an hour."""
COARSE = 60
"""Seconds of a coarse statistics bucket, kept a day."""
LONGEST_NAME = 1024
"""Bytes of a name (of a queue, a worker, a job): ours are shorter, and a longer one is not read."""
MOST_PROCESSES = 4096
"""Processes that a worker's hash is believed to name."""
_NUMBER = re.compile(r"[0-9]{1,4}")
_SLOTS = re.compile(r"[0-9]{1,5}:[0-9]{1,5}(?:,[0-9]{1,5}:[0-9]{1,5})*")


class Keys(NamedTuple):
    """The keys under one namespace; ``{asok}`` puts all of them into one Cluster slot."""

    namespace: str = "asok"

    @property
    def delayed(self) -> str:
        """Sorted set: envelope of a delayed job -> epoch seconds when it is due."""
        return f"{self.namespace}:delayed_tasks"

    @property
    def dead(self) -> str:
        """List of dead jobs, the newest at the left."""
        return f"{self.namespace}:dlq"

    @property
    def workers(self) -> str:
        """Sorted set: worker id -> lease expiry in milliseconds of the server's clock."""
        return f"{self.namespace}:workers"

    @property
    def promoting(self) -> str:
        """String with a TTL: the supervisor that promotes what is due, so that the others need not."""
        return f"{self.namespace}:promoting"

    @property
    def paused(self) -> str:
        """Set of the names of paused queues."""
        return f"{self.namespace}:paused"

    @property
    def pauses(self) -> str:
        """Hash: name of a paused queue -> who paused it, why, since when and until when, as JSON."""
        return f"{self.namespace}:pauses"

    @property
    def holds(self) -> str:
        """Hash: hold (``ended:ID`` once it has ended) or ``limit:SUBJECT`` -> rule; ``generation``."""
        return f"{self.namespace}:holds"

    @property
    def held_lists(self) -> str:
        """Set: the lists of held jobs, each as ``{hold}:{queue}``, or with the bucket of a limit."""
        return f"{self.namespace}:held"

    def held(self, hold: str, queue: str) -> str:
        """List of jobs of a queue that a hold or limit keeps from starting, the oldest at the right."""
        return f"{self.namespace}:held:{hold}:{queue}"

    def held_list(self, name: str) -> str:
        """The same by its name in the set of such lists: ``{hold}:{queue}``."""
        return f"{self.namespace}:held:{name}"

    def held_parts(self, key: str) -> tuple[str, str] | None:
        """``(hold, queue)`` of the key of a list of held jobs, or None for another key."""
        prefix = f"{self.namespace}:held:"
        if not key.startswith(prefix):
            return None
        hold, found, queue = key[len(prefix) :].partition(":")
        return (hold, queue) if found and queue else None

    @property
    def limits(self) -> str:
        """Sorted set: bucket of a limit -> epoch seconds when a supervisor looks at it next."""
        return f"{self.namespace}:limits"

    def limit(self, bucket: str) -> str:
        """Hash: what a bucket counts, what code declares, and when its rate lets the next job start."""
        return f"{self.namespace}:limit:{bucket}"

    def limit_running(self, bucket: str) -> str:
        """Hash: running job that a bucket counts -> its process, its queue and a number."""
        return f"{self.namespace}:limit:{bucket}:running"

    def limit_next(self, bucket: str) -> str:
        """Hash: job that a bucket returned as the next of its queue -> that queue."""
        return f"{self.namespace}:limit:{bucket}:next"

    @property
    def queues(self) -> str:
        """Set of the names of all queues that were ever used."""
        return f"{self.namespace}:queues"

    @property
    def recent(self) -> str:
        """Capped list of the ids of jobs that finished lately, the newest at the left."""
        return f"{self.namespace}:recent"

    @property
    def audit(self) -> str:
        """Capped stream of what operators did."""
        return f"{self.namespace}:audit"

    @property
    def notes(self) -> str:
        """Hash: subject (``job:ID``, ``queue:NAME``, ``error:ERROR``) -> note of an operator, as JSON."""
        return f"{self.namespace}:notes"

    @property
    def events(self) -> str:
        """Capped stream of what changed beside jobs: workers, processes, pauses, releases, the server."""
        return f"{self.namespace}:events"

    @property
    def server(self) -> str:
        """Hash: the Redis server and, by queue, the release workers saw last; the bounds of events."""
        return f"{self.namespace}:server"

    @property
    def wake(self) -> str:
        """Channel on which workers learn of new due times, resumed queues and commands."""
        return f"{self.namespace}:wake"

    def queue(self, name: str) -> str:
        """List of pending jobs; producers push left, workers take from the right."""
        return f"{self.namespace}:queue" if name == "default" else f"{self.namespace}:queue:{name}"

    def queue_name(self, key: str) -> str | None:
        """The queue of a pending list's key, or None for another key."""
        base = f"{self.namespace}:queue"
        if key == base:
            return "default"
        return key[len(base) + 1 :] or None if key.startswith(f"{base}:") else None

    def job(self, job_id: str) -> str:
        """Hash (ours) or JSON string (the framework's): the record of a job."""
        return f"{self.namespace}:job:{job_id}"

    def active(self, process: str, queue: str) -> str:
        """List of the envelopes that a worker's process has claimed and not finished."""
        return f"{self.namespace}:active:{process}:{queue}"

    def active_parts(self, key: str) -> tuple[str, str] | None:
        """``(process, queue)`` of an active list's key, or None for another key."""
        prefix = f"{self.namespace}:active:"
        if not key.startswith(prefix):
            return None
        process, found, queue = key[len(prefix) :].partition(":")
        return (process, queue) if found and queue else None

    def worker(self, worker_id: str) -> str:
        """Hash: what a worker reported of itself with its last heartbeat, and what is ordered of it."""
        return f"{self.namespace}:worker:{worker_id}"

    def cancels(self, worker_id: str) -> str:
        """Set of the ids of jobs that a worker runs and that are to be cancelled."""
        return f"{self.namespace}:cancels:{worker_id}"

    def ends(self, worker_id: str) -> str:
        """Hash with a TTL: running job that is cancelled -> from when its process may be ended."""
        return f"{self.namespace}:ends:{worker_id}"

    def stacks(self, worker_id: str) -> str:
        """List with a TTL: requests for stacks of jobs that a worker runs."""
        return f"{self.namespace}:stacks:{worker_id}"

    def stack(self, token: str) -> str:
        """String with a TTL: the answer to a request for a stack, as JSON."""
        return f"{self.namespace}:stack:{token}"

    def machine(self, machine: str) -> str:
        """Set of the ids of the workers on a machine where each can prove the death of the others."""
        return f"{self.namespace}:place:{machine}"

    def crashes(self, job_id: str) -> str:
        """String: how many processes died while they ran the job."""
        return f"{self.namespace}:crashes:{job_id}"

    def fine(self, queue: str, start: int) -> str:
        """Hash of the counters of a queue over ten seconds from ``start``."""
        return f"{self.namespace}:stats:{queue}:s{start}"

    def coarse(self, queue: str, start: int) -> str:
        """Hash of the counters of a queue over a minute from ``start``."""
        return f"{self.namespace}:stats:{queue}:m{start}"

    def tasks(self, day: int) -> str:
        """Sorted set with a TTL: task -> how many attempts it had in the day from ``day``."""
        return f"{self.namespace}:tasks:{day}"

    def task_minutes(self, task: str, start: int) -> str:
        """String with a TTL: figures of a task by the minute, in the hour from ``start``."""
        return f"{self.namespace}:task:m{start}:{task}"

    def task_hours(self, task: str, start: int) -> str:
        """String with a TTL: figures of a task by the hour, in the day from ``start``."""
        return f"{self.namespace}:task:h{start}:{task}"

    @property
    def sampling(self) -> str:
        """String with a TTL: the supervisor that samples the queues, so that the others need not."""
        return f"{self.namespace}:sampling"

    def depths(self, start: int) -> str:
        """String with a TTL: pending, delayed and dead jobs by the minute, in the hour from ``start``."""
        return f"{self.namespace}:depths:{start}"

    def queue_depths(self, queue: str, start: int) -> str:
        """String with a TTL: pending jobs of a queue by the minute, in the hour from ``start``."""
        return f"{self.namespace}:depths:{start}:{queue}"

    def hours(self, start: int) -> str:
        """String with a TTL: figures of all queues together by the hour, in the day from ``start``."""
        return f"{self.namespace}:hours:{start}"

    def queue_hours(self, queue: str, start: int) -> str:
        """String with a TTL: figures of a queue by the hour, in the day from ``start``."""
        return f"{self.namespace}:hours:{start}:{queue}"

    def trash(self, operation: str) -> str:
        """List of what an operation removed, for its undo."""
        return f"{self.namespace}:trash:{operation}"

    def trash_positions(self, operation: str) -> str:
        """List beside a trash: where each of its elements was (due time, or number of older dead jobs)."""
        return f"{self.namespace}:trash:{operation}:at"

    def oversized(self, sha1: str) -> str:
        """List with a TTL: an element that was too large to be an envelope, as it was."""
        return f"{self.namespace}:oversized:{sha1}"

    def notices(self, queue: str) -> str:
        """Sorted set: failures for which hooks have yet to be called -> when one may be taken."""
        return f"{self.namespace}:notices:{queue}"

    def operation(self, operation: str) -> str:
        """Hash: what an operation is about and what it has done so far."""
        return f"{self.namespace}:operation:{operation}"

    def unique(self, key: str) -> str:
        """String: id of the unfinished job that holds a ``_unique`` key."""
        return f"{self.namespace}:unique:{key}"

    @property
    def renewal(self) -> str:
        """Hash: how far the renewal of the records of waiting jobs has come."""
        return f"{self.namespace}:renewal"

    @property
    def renewing(self) -> str:
        """String with a TTL: no supervisor takes the next step of that renewal before it is gone."""
        return f"{self.namespace}:renewing"

    @property
    def dubious(self) -> str:
        """String with a TTL: some jobs may have ended their process (see ``crashes``)."""
        return f"{self.namespace}:suspects"

    @property
    def waits(self) -> str:
        """Hash with a TTL: process -> the queues of the jobs for which all its slots wait."""
        return f"{self.namespace}:waits"

    @property
    def absent(self) -> str:
        """A key that never exists: see ``full.lua``."""
        return f"{self.namespace}:absent"

    def done(self, job_id: str) -> str:
        """Channel on which the end of a job is published."""
        return f"{self.namespace}:done:{job_id}"


def glob_escaped(text: str) -> str:
    """A text as a pattern of SCAN that matches nothing else."""
    return "".join(f"\\{char}" if char in "*?[]\\" else char for char in text)


def process_numbers(slots: str | None, processes: str | None) -> list[int] | None:
    """Numbers of the processes of a worker, by these fields of its hash; None where they do not say.

    ``slots`` is ``NUMBER:SLOTS,...``, which an older worker does not have: its numbers go up to
    ``processes``.
    """
    if slots and _SLOTS.fullmatch(slots):
        return [int(each.partition(":")[0]) for each in slots.split(",")][:MOST_PROCESSES]
    if processes and _NUMBER.fullmatch(processes):
        return list(range(1, int(processes) + 1))
    return None


def worker_of(process: str) -> str:
    """The worker that a process id (``{worker}.{n}``) belongs to."""
    return process.rpartition(".")[0] or process
