"""Commands and questions of operators and applications that are stored in Redis for one worker."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from asok_core.backends.redis.consuming.leases import NO_ORDER, Heartbeat, ShapeOrder
from asok_core.backends.redis.consuming.registry import Registry
from asok_core.inspection.worker_shape import WorkerShape, concurrency_in, queues_in
from asok_core.jobs.job import LONGEST_ID
from asok_core.runtime.logs import safe_logger
from asok_core.worker.config import WorkerConfig
from asok_core.worker.signals import SignalRequests
from asok_core.worker.supervising.processes import Processes

LONGEST_OPERATOR = 200
"""Characters of the operator who requested a stop."""

logger = safe_logger("asok.worker")


class Commands:
    """Passes them on to the processes; questions about stacks to ``answer``."""

    def __init__(
        self,
        config: WorkerConfig,
        registry: Registry,
        processes: Processes,
        requests: SignalRequests,
        answer: Callable[[Sequence[str]], None],
    ) -> None:
        self._config = config
        self._worker = config.worker
        self._registry = registry
        self._processes = processes
        self._requests = requests
        self._answer = answer
        self._shape_order = NO_ORDER
        self._deadlines: dict[str, float] = {}
        """Cancelled jobs and the monotonic times from which their processes may be ended."""

    def follow(self, heartbeat: Heartbeat) -> bool:
        """Follow what the reply to a heartbeat has brought. Raises Unreachable or Refused.

        Returns whether something changes in the worker: the heartbeat published the state before.
        """
        changed = False
        if heartbeat.requested == "stop":
            by = f"by {heartbeat.requested_by[:LONGEST_OPERATOR]}" if heartbeat.requested_by else ""
            self._requests.stop = self._requests.stop or f"a command {by or 'through Redis'}"
        elif (heartbeat.requested == "quiet") != self._processes.quiet:
            changed, self._processes.quiet = True, heartbeat.requested == "quiet"
            quiet = self._processes.quiet
            logger.info("Worker quieted: takes no new jobs" if quiet else "Worker resumed")
            self._processes.send("quiet" if quiet else "resume")
        if heartbeat.shape != self._shape_order and not self._requests.stop:
            self._shape_order = heartbeat.shape
            changed = self._follow_shape(heartbeat.shape) or changed
        self._answer(heartbeat.asked)
        self._note_ends(heartbeat)
        if heartbeat.cancelled:
            self._cancel_again(heartbeat.cancelled)
        return changed

    def _follow_shape(self, order: ShapeOrder) -> bool:
        """Have the ordered shape come into force, if it is another; an invalid value changes nothing."""
        former, configured = self._processes.ordered, self._config.shape
        concurrency, queues = configured.concurrency, configured.queues
        if order.concurrency:
            concurrency = concurrency_in(order.concurrency) or former.concurrency
        if order.queues:
            queues = queues_in(order.queues) or former.queues
        shape = WorkerShape(concurrency, queues)
        if shape != former:
            by = order.by[:LONGEST_OPERATOR]
            logger.info("Worker is ordered another shape: %s (by %s)", shape.words, by)
            self._processes.reshape(shape, by)
        return shape != former

    def _note_ends(self, heartbeat: Heartbeat) -> None:
        """Have cancelled jobs stopped, and their processes ended from the time that was requested."""
        processes = self._processes
        if not heartbeat.ends and not self._deadlines:
            return
        now, known = time.monotonic(), self._deadlines
        # Not again from each reply: the clock of Redis may be set, or be that of another server.
        self._deadlines = {
            job_id: known.get(job_id, now + max(until - heartbeat.server_time, 0.0))
            for job_id, until in heartbeat.ends.items()
        }
        running = {each.job_id for process in processes for each in process.running()}
        processes.ends = {
            job_id: until for job_id, until in self._deadlines.items() if job_id in running
        }
        for job_id in processes.ends:
            self._send("stop", job_id)

    def cancel(self, job_id: str) -> None:
        """Have a job stopped, in whichever process it runs."""
        self._send("cancel", job_id)

    def _send(self, verb: str, job_id: str) -> None:
        # Commands are lines: an id must not be another command.
        if job_id.isprintable() and len(job_id) <= LONGEST_ID:
            self._processes.send(f"{verb} {job_id}")

    def _cancel_again(self, asked: Sequence[str]) -> None:
        """Ask jobs to stop of which the message may have been lost; what has ended is removed."""
        running = {each.job_id for process in self._processes for each in process.running()}
        for job_id in running.intersection(asked):
            self.cancel(job_id)
        self._registry.remove_cancels(self._worker, set(asked) - running)
