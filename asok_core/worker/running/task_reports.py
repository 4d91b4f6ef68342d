"""What running jobs report of their progress and their checkpoints, until a cycle writes it."""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from asok_core.backends.redis.calls.cycle import TaskReport
from asok_core.backends.redis.consuming.checkpoints import read_checkpoint
from asok_core.backends.redis.consuming.consumer import Consumer
from asok_core.backends.redis.consuming.outcomes import stamp
from asok_core.errors import JobInterrupted, Refused
from asok_core.inspection.redaction import Redaction
from asok_core.jobs import checkpoint, progress
from asok_core.jobs.checkpoint import JobCheckpoint
from asok_core.jobs.keyring import Keyring
from asok_core.runtime import forks
from asok_core.worker.running.claimed_job import ClaimedJob

INTERVAL = 1.0
"""Seconds between two writes of what jobs that run report, for the whole process."""
LOOK = 0.5
"""Seconds after which a task that waits for its cursor can be stopped at its time limit."""


class CursorRequest:
    """A task that waits for the cursor of its job."""

    def __init__(self, job_id: str) -> None:
        self.job_id = job_id
        self.answered = threading.Event()
        self.text = checkpoint.NOTHING
        self.refused: Refused | None = None


class TaskReports:
    """The last report of each job: threads of tasks report, the thread of the dispatcher takes it.

    A report makes no request to Redis and takes no lock. All reports that are due are written with one
    cycle; the last report of a job that ends is written with its outcome. The checkpoint of an earlier
    attempt is read by the dispatcher when a task asks for it. ``ring`` ends the sleep of the dispatcher.
    """

    def __init__(self, now: Callable[[], float], redaction: Redaction, keyring: Keyring) -> None:
        self.ring: Callable[[], object] = lambda: None
        self.interrupts = False
        """Whether the process is about to end, so that a checkpoint ends the attempt."""
        self._now = now
        self._redaction = redaction
        self._keyring = keyring
        self._waiting: deque[ClaimedJob] = deque()
        self._asked: deque[CursorRequest] = deque()
        self._due_at = 0.0
        self._generation = forks.generation

    # Called by threads of tasks

    def progress(self, claimed: ClaimedJob, done: object, total: object, note: object) -> None:
        """Take how far a job is. Raises TypeError or ValueError."""
        claimed.progress = progress.checked(done, total, note, self._now())
        self._keep(claimed)

    def checkpoint(self, claimed: ClaimedJob, cursor: object) -> None:
        """Take from where a job resumes. Raises TypeError, ValueError or JobInterrupted."""
        text = checkpoint.cursor_text(cursor)
        # What makes no progress, or never asks from where to resume, is not resumed after a time limit.
        began = claimed.began if text != claimed.resumed else ""
        claimed.checkpoint = JobCheckpoint(text, self._now(), began)
        self._keep(claimed)
        if self.interrupts:
            raise JobInterrupted("the process is about to end; the job resumes from its checkpoint")

    def cursor(self, claimed: ClaimedJob) -> Any:
        """From where a job resumes. Raises Refused, and RuntimeError in a process that the task forked."""
        made = claimed.checkpoint
        if made is not None:
            return made.cursor
        if claimed.resumed is None:
            if forks.generation != self._generation:
                # The thread that answers is not there.
                raise RuntimeError(
                    "a forked process cannot ask for the cursor: ask before the fork"
                )
            asked = CursorRequest(claimed.opened.id)
            self._asked.append(asked)
            self.ring()
            while not asked.answered.wait(LOOK):
                pass
            if asked.refused is not None:
                raise asked.refused
            claimed.resumed, claimed.began = asked.text, stamp(claimed.started_at or 0.0)
        return JobCheckpoint(claimed.resumed).cursor

    def _keep(self, claimed: ClaimedJob) -> None:
        # The mark is read after the report is set, and `take` clears it before it reads: none is missed.
        if not claimed.report_waits:
            claimed.report_waits = True
            first = not self._waiting
            self._waiting.append(claimed)
            if first:
                self.ring()

    # Called by the dispatcher

    def answer(self, consumer: Consumer) -> None:
        """Answer the tasks that wait for their cursors. Raises Unreachable, and keeps them then."""
        while self._asked:
            asked = self._asked[0]
            try:
                found = read_checkpoint(
                    consumer.connection, consumer.keys, asked.job_id, self._keyring
                )
            except Refused as error:
                asked.refused, found = error, None
            asked.text = checkpoint.NOTHING if found is None else found.text
            self._asked.popleft()
            asked.answered.set()

    @property
    def wait(self) -> float:
        """Seconds until there is something to write; infinite where nothing is reported."""
        return max(0.0, self._due_at - time.monotonic()) if self._waiting else math.inf

    def take(self, ending: Iterable[ClaimedJob]) -> list[ClaimedJob]:
        """Jobs whose reports are to be written now: all where it is time, else those that are ending."""
        taken = [claimed for claimed in ending if _taken(claimed)]
        if self.wait <= 0:
            self._due_at = time.monotonic() + INTERVAL
            for _ in range(len(self._waiting)):
                claimed = self._waiting.popleft()
                if _taken(claimed):
                    taken.append(claimed)
        return taken

    def keep(self, taken: Iterable[ClaimedJob]) -> None:
        """Keep reports that could not be written."""
        for claimed in taken:
            claimed.report_waits = True
            self._waiting.append(claimed)

    def rows(self, taken: Iterable[ClaimedJob]) -> list[TaskReport]:
        """The reports as the script takes them."""
        return [self._row(claimed) for claimed in taken]

    def _row(self, claimed: ClaimedJob) -> TaskReport:
        job, started = claimed.opened, stamp(claimed.started_at or 0.0)
        reached, made = claimed.progress, claimed.checkpoint
        if reached is not None:
            reached = progress.as_kept(reached, partial(self._redaction.text, job=job))
        return TaskReport(
            queue=claimed.claim.queue,
            # Once its record says that this attempt runs, that is enough: an envelope may be large.
            envelope=b"" if claimed.noted else claimed.claim.envelope,
            id=job.id,
            started_at=started,
            line="" if reached is None else progress.encoded(started, reached),
            checkpoint="" if made is None else checkpoint.encoded(job.id, made, self._keyring),
        )


def _taken(claimed: ClaimedJob) -> bool:
    waits, claimed.report_waits = claimed.report_waits, False
    return waits
