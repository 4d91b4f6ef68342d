"""Operations on a queue or a worker as a whole."""

from __future__ import annotations

from dataclasses import dataclass

from asok_core.backends.roles import OperationResult, Scope, Watch
from asok_core.inspection.phrases import duration
from asok_core.jobs.states import Location
from asok_core.operations.catalog import summaries
from asok_core.operations.catalog.entry import (
    TO_TRASH,
    Access,
    CatalogOperation,
    Danger,
    FollowUp,
    ScopeKind,
    UndoWindow,
)
from asok_core.operations.reshaping import wait_until_reshaped


class QueueOperation(CatalogOperation):
    """An operation on the queue of the scope."""

    location, scopes = Location.PENDING, frozenset({ScopeKind.QUEUE})


@dataclass(frozen=True)
class PauseQueue(QueueOperation):
    """Pause of a queue.

    ``lasts`` is seconds, ``ends`` epoch seconds by Redis's clock; without either it has no end.
    """

    reason: str = ""
    lasts: float | None = None
    ends: float | None = None

    summary = summaries.PAUSE_QUEUE
    verb, done = "pause", "paused"
    guarded, counts_jobs = True, False
    how = "workers claim no jobs from it; running jobs finish"
    undo = UndoWindow("resume the queue, at any time")

    def perform(self, access: Access, scope: Scope, watch: Watch) -> OperationResult:  # noqa: ARG002
        """Pause it, or change its pause."""
        return access.operator.pause(
            scope.queue or "", reason=self.reason, lasts=self.lasts, ends=self.ends
        )

    def explanation(self) -> str:
        """How it proceeds, and when it ends by itself."""
        if self.lasts is not None:
            return f"{self.how}; after {duration(self.lasts)} a worker resumes it, if one runs then"
        return self.how


class ResumeQueue(QueueOperation):
    """End of a pause."""

    summary = summaries.RESUME_QUEUE
    verb, done = "resume", "resumed"
    counts_jobs = False

    def perform(self, access: Access, scope: Scope, watch: Watch) -> OperationResult:  # noqa: ARG002
        """Resume it."""
        return access.operator.resume(scope.queue or "")


class PurgeQueue(QueueOperation):
    """Purge of a queue."""

    summary = summaries.PURGE_QUEUE
    verb, done, noun = "purge", "purged", "pending job"
    danger, undo = Danger.GRAVE, TO_TRASH

    def perform(self, access: Access, scope: Scope, watch: Watch) -> OperationResult:
        """Purge it."""
        return access.operator.purge(scope, watch=watch)

    def suffix(self, scope: Scope) -> str:
        """Name the queue."""
        return f" of queue '{scope.queue}'"


@dataclass(frozen=True)
class WorkerOperation(CatalogOperation):
    """A command to one worker, by its id. A heartbeat of the worker picks it up at the latest."""

    worker: str = ""

    location, scopes, noun = Location.ACTIVE, frozenset({ScopeKind.WORKER}), "worker"
    counts_jobs = False

    def subject(self, scope: Scope) -> str:  # noqa: ARG002
        """The worker."""
        return f"worker {self.worker}"

    def changed(self, scope: Scope) -> str:  # noqa: ARG002
        """The worker, and what it does now."""
        return f"1 worker ({self.how}): {self.worker}"


class QuietWorker(WorkerOperation):
    """Command to take no new jobs."""

    summary = summaries.QUIET_WORKER
    verb, done = "quiet", "quieted"
    how = "takes no new jobs"
    guarded = True
    undo = UndoWindow("resume the worker, at any time")

    def perform(self, access: Access, scope: Scope, watch: Watch) -> OperationResult:  # noqa: ARG002
        """Quiet it."""
        return access.operator.quiet(self.worker)


class ResumeWorker(WorkerOperation):
    """End of a quiet state."""

    summary = summaries.RESUME_WORKER
    verb, done = "resume", "resumed"
    how = "takes new jobs again"

    def perform(self, access: Access, scope: Scope, watch: Watch) -> OperationResult:  # noqa: ARG002
        """Resume it."""
        return access.operator.resume_worker(self.worker)


class StopWorker(WorkerOperation):
    """Shutdown of a worker, as by SIGTERM."""

    # Whether it has stopped is known only when it is gone.
    summary = summaries.STOP_WORKER
    verb, done = "stop", "requested the stop of"
    how = "waits up to its stop timeout for running jobs, returns the rest, exits"
    danger = Danger.GRAVE
    undo = UndoWindow("none: start the worker again where it ran, unless its supervisor does")

    def perform(self, access: Access, scope: Scope, watch: Watch) -> OperationResult:  # noqa: ARG002
        """Request it."""
        return access.operator.stop(self.worker)


@dataclass(frozen=True)
class SetWorkerShape(WorkerOperation):
    """Other threads a process or queues of a worker; ``reset``: those that it was started with."""

    concurrency: int | None = None
    queues: tuple[str, ...] = ()
    reset: bool = False

    summary = summaries.SET_WORKER
    verb, done, audited = "set", "ordered", "set worker"
    how = "its processes are replaced; running jobs finish, and jobs claimed ahead return to their queues"
    guarded = True
    undo = UndoWindow("reset the worker, at any time; a restart has the configured values as well")

    def perform(self, access: Access, scope: Scope, watch: Watch) -> OperationResult:  # noqa: ARG002
        """Order it."""
        return access.operator.shape_worker(
            self.worker, concurrency=self.concurrency, queues=self.queues, reset=self.reset
        )

    def follow_up(self, access: Access, result: OperationResult) -> FollowUp:  # noqa: ARG002
        """Whether it is in force, once the worker has confirmed it."""
        found = wait_until_reshaped(access.reader, self.worker)
        return FollowUp(found.words, found.confirmed)

    @property
    def words(self) -> str:
        """What it sets."""
        if self.reset:
            return "the configured concurrency and queues"
        parts = [f"concurrency {self.concurrency}"] if self.concurrency else []
        return " and ".join(parts + ([f"queues {','.join(self.queues)}"] if self.queues else []))

    def subject(self, scope: Scope) -> str:  # noqa: ARG002
        """What, and the worker; only the worker as long as nothing is chosen."""
        return f"{self.words} of worker {self.worker}" if self.words else f"worker {self.worker}"

    def short_subject(self, scope: Scope) -> str:
        """Only the worker: the names of queues may be long."""
        return super().subject(scope)

    def changed(self, scope: Scope) -> str:
        """What, and the worker."""
        return self.subject(scope)
