"""A job that this process has claimed, until its outcome is settled."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from asok_core.backends.redis.consuming.outcomes import Claim, Outcome
from asok_core.errors import EnvelopeError
from asok_core.execution.cancellation import StopRequest
from asok_core.jobs.checkpoint import JobCheckpoint
from asok_core.jobs.job import Job
from asok_core.jobs.limits import Limit
from asok_core.jobs.progress import JobProgress
from asok_core.worker.job_slots import Phase


class AppliedLimit(NamedTuple):
    """A limit as it applies to one job: the bucket in which it is counted, and what is shown of that.

    ``declared`` is what the code declares, '' for none; ``holder`` names process, queue and start.
    """

    bucket: str
    identity: str
    value: str
    declared: str
    limit: Limit
    holder: str


@dataclass(slots=True, eq=False)
class ClaimedJob:
    """A claimed job. Compared by identity: equal envelopes may be claimed twice, and are two jobs.

    ``gone`` is set when it must not start here: its lease was lost, its queue is paused, or it is
    cancelled. ``noted`` is whether Redis knows that it runs. ``rejected`` is why it must not run.
    ``slot`` is the number of the thread that runs it, ``shared_slot`` that of its entry in the shared
    state, and ``limit`` the job's hard limit while it runs. ``settled`` is for a thread that waits
    until it is settled. ``progress`` and ``checkpoint`` are what its task reported last, and
    ``report_waits`` whether that is to be written. ``resumed`` is the cursor from which this attempt
    resumes, as JSON, once its task has asked for it, and ``began`` then its start, as records hold it;
    ``iterates`` is set by ``resumable``.
    """

    claim: Claim
    job: Job | None = None
    started_at: float | None = None
    noted: bool = False
    gone: bool = False
    dubious: bool = False
    rejected: EnvelopeError | None = None
    slot: int = -1
    shared_slot: int = -1
    limit: float | None = None
    stop: StopRequest = field(default_factory=StopRequest)
    settled: threading.Event | None = None
    progress: JobProgress | None = None
    checkpoint: JobCheckpoint | None = None
    report_waits: bool = False
    resumed: str | None = None
    began: str = ""
    iterates: bool = False
    limits: tuple[AppliedLimit, ...] = ()
    """The limits by which it was allowed to start, and that count it."""

    @property
    def opened(self) -> Job:
        """The job, once its envelope is opened."""
        assert self.job is not None, "its envelope is opened first"
        return self.job

    @property
    def advanced(self) -> bool:
        """Whether this attempt has made a checkpoint beyond the one from which it resumed."""
        return self.checkpoint is not None and self.checkpoint.started_at != ""


SubmitOutcome = Callable[[ClaimedJob, Outcome], None]
"""Takes the outcome of a job, to be settled. Returns at once."""
EnterPhase = Callable[[ClaimedJob, Phase], None]
"""Called when a job enters a phase."""
SETTLED_WITHIN = 5.0
"""Seconds that hooks wait at most until the outcome of their job is settled; Redis may be away."""


def submit_and_wait(claimed: ClaimedJob, outcome: Outcome, submit: SubmitOutcome) -> None:
    """Submit an outcome before hooks are called that may end the process: settled, it is not lost."""
    claimed.settled = threading.Event()
    submit(claimed, outcome)
    claimed.settled.wait(SETTLED_WITHIN)
