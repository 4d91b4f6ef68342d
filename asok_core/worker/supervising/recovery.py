"""Recovery of the jobs of dead processes: those of this worker at once, others once they are known dead.

That is when its lease has expired, or as soon as the kernel and Redis agree that nothing of it is left.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable

from asok_core.backends.redis.connection import Connection
from asok_core.backends.redis.consuming.orphaned_jobs import (
    NO_STACKS,
    LastStacks,
    OrphanedJobs,
    RecoveryResult,
    crashed,
)
from asok_core.backends.redis.consuming.registry import Registry
from asok_core.backends.redis.consuming.task_counts import TaskCounts
from asok_core.backends.redis.keys import worker_of
from asok_core.errors import Refused
from asok_core.runtime.failures import Failure
from asok_core.runtime.logs import safe_logger
from asok_core.worker.config import WorkerConfig
from asok_core.worker.log import (
    NOT_BEGUN,
    log_cancelled,
    log_failure,
    log_set_aside,
    warn_of_dropped,
)
from asok_core.worker.presence import is_gone, remove_traces
from asok_core.worker.supervising.cancelled_jobs import settle_cancelled
from asok_core.worker.supervising.hard_timeout import settle_overrun
from asok_core.worker.supervising.lease_expiry import LeaseExpiry, pause
from asok_core.worker.supervising.process_handle import ProcessHandle
from asok_core.worker.supervising.settling import postpone_imports, write_counts

logger = safe_logger("asok.worker")

LEASED = "whose lease expired"
PROVED = "of which no process is left"


class Recovery:
    """The supervisor's side of ``recover``. Every step raises Unreachable or Refused."""

    def __init__(self, config: WorkerConfig, registry: Registry, machine: str) -> None:
        settings = config.settings
        self._config = config
        self._registry = registry
        self._orphaned = OrphanedJobs(
            registry,
            crash_limit=settings.crash_limit,
            dlq_max=settings.dlq_max,
            largest=settings.largest_envelope,
        )
        self._machine = machine
        self._pause = pause(settings.worker_lease)
        self._expiry = LeaseExpiry()
        self._connection: Connection | None = None
        self._gone: dict[str, float] = {}
        self._orphans: dict[tuple[str, str], float] = {}

    def spare_others(self) -> None:
        """Give other workers time to renew their leases: that of this one had expired as well."""
        self._expiry.reset()
        self._gone.clear()
        self._orphans.clear()

    def others(self) -> bool:
        """Take over workers that are dead. False: the lease of this one is not alive now."""
        at = time.monotonic()
        leases = self._registry.check_leases(self._config.worker, machine=self._machine)
        dead = self._expiry.dead(leases, at)
        reconnected = self._connection not in (None, self._registry.connection)
        self._connection = self._registry.connection
        if not leases.leased:
            return False
        refusals = []
        for each in dead:
            try:
                self._worker(each.worker, PROVED if each.proved else LEASED)
            except Refused as error:
                # One worker's broken keys must not keep the jobs of the next from being returned.
                refusals.append(error)
        self._neighbours(leases.neighbours, at, reconnected=reconnected)
        if refusals:
            raise refusals[0]
        return True

    def orphans(self) -> None:
        """Take over lists that no lease covers, when they are found and none has come in a while.

        A live worker whose lease was removed by hand takes another with its next heartbeat.
        """
        at = time.monotonic()
        for (process, queue), since in list(self._orphans.items()):
            if at - since >= self._pause:
                self._orphans.pop((process, queue), None)
                guard, by = worker_of(process), self._config.worker
                total = self._orphaned.recover(process, queue, guard=guard, by=by)
                self._log(f"process {process}, which no lease covers", total)
        for each in self._orphaned.lists_without_lease():
            self._orphans.setdefault(each, at)

    def _neighbours(self, names: list[str], at: float, *, reconnected: bool) -> None:
        """Take over workers beside this one of which no process is left, before their leases end.

        Just ``reconnected`` means that Redis may have lost all its connections, and live workers need
        time to connect again: copies of a running virtual machine look like one machine.
        """
        former, self._gone = self._gone, {}
        for worker in names:
            # A last command may be under way.
            if not is_gone(worker, self._machine) or self._registry.connected(worker):
                continue
            since = former.get(worker, at if reconnected else -math.inf)
            if at - since < self._pause:
                self._gone[worker] = since
            elif self._registry.end_lease(worker):
                self._worker(worker, PROVED)

    def _worker(self, worker: str, why: str) -> None:
        registry = self._registry
        total, lists = RecoveryResult(), self._orphaned.lists_of(worker)
        registry.kill_waiters(*{process for process, _ in lists})
        for process, queue in lists:
            total += self._orphaned.recover(process, queue, guard=worker, by=self._config.worker)
        keys = [registry.keys.active(process, queue) for process, queue in lists]
        if registry.leave(worker, keys, only_if_expired=True, by=self._config.worker):
            remove_traces(worker, self._machine)
            self._log(f"worker {worker}, {why}", total)

    def process(self, handle: ProcessHandle) -> None:
        """Return the jobs of a dead process; those that had started and were not settled are charged."""
        # A job past its hard limit, or cancelled, is why the process was ended: others are not charged.
        # Of one that was ended as it hung, no job was the reason; and where a module was imported, that
        # may have been it. What ran while hooks were called is in doubt: the process may have died of
        # those.
        over, stacks = handle.watch.overruns, handle.watch.stacks
        started, in_doubt = handle.shared.ended(), handle.shared.running()
        if not handle.shared.in_hooks:
            started, in_doubt = started + in_doubt, []
        imports = handle.failed_imports()
        if handle.watch.ended or imports:
            started = in_doubt = []
        charged = [each.job_id for each in started]
        doubted = [each.job_id for each in in_doubt]
        self._registry.kill_waiters(handle.process_id)
        total = RecoveryResult()
        for queue in handle.shape.queues:
            if over:
                settle_overrun(
                    self._config, self._registry, handle.process_id, queue, over=over, stacks=stacks
                )
            self._settle_cancelled(handle, queue)
            if imports:
                postpone_imports(self._config, self._registry, handle.process_id, queue, imports)
            total += self._orphaned.recover(
                handle.process_id,
                queue,
                charged=charged,
                doubted=doubted,
                stacks=_kept(handle),
            )
        self._log(f"process {handle.process_id}, which died", total)

    def rest_of(self, handles: Iterable[ProcessHandle]) -> None:
        """Return what processes left when the worker was stopped; nothing is charged for that."""
        ended = list(handles)
        self._registry.kill_waiters(*(handle.process_id for handle in ended))
        refusals = []
        for handle in ended:
            for queue in handle.shape.queues:
                try:
                    self._settle_cancelled(handle, queue)
                    process, stacks = handle.process_id, _kept(handle)
                    total = self._orphaned.recover(process, queue, charged=(), stacks=stacks)
                    self._account(total)
                except Refused as error:
                    # One broken key must not keep the jobs of another queue.
                    refusals.append(error)
        if refusals:
            raise refusals[0]

    def _settle_cancelled(self, handle: ProcessHandle, queue: str) -> None:
        """End the cancelled jobs for which the process was ended."""
        if handle.watch.cancelled:
            settle_cancelled(
                self._config,
                self._registry,
                handle.process_id,
                queue,
                cancelled=handle.watch.cancelled,
                stacks=handle.watch.stacks,
            )

    def _log(self, of: str, total: RecoveryResult) -> None:
        warn_of_dropped(total.dropped)
        log_set_aside(total.aside)
        if total.returned or total.dead:
            logger.warning(
                "Recovered %d jobs of %s%s",
                total.returned + total.dead,
                of,
                f"; {total.dead} had crashed too often and are dead jobs" if total.dead else "",
            )
        self._account(total)

    def _account(self, total: RecoveryResult) -> None:
        """Log and count the jobs that came to their end."""
        counts = TaskCounts()
        for job, began in total.cancelled_jobs:
            log_cancelled(job, "its process ended" if began else NOT_BEGUN)
            if began:
                counts.cancelled(job.task)
        for job, times in total.dead_jobs:
            counts.crashed(job.task)
            error = crashed(times)
            log_failure(job, error, Failure.of_line(f"{type(error).__name__}: {error}"))
        write_counts(self._registry, counts)


def _kept(handle: ProcessHandle) -> LastStacks:
    """Where the jobs of a process were before it was ended, if it was ended for none of them."""
    watch = handle.watch
    if not (watch.hung or watch.stopped):
        return NO_STACKS
    return LastStacks("process hung" if watch.hung else "worker stopped", watch.stacks)
