"""What dead processes held goes back: a child's at once, another worker's when it is known to be dead.

That is when its lease has run out, or as soon as the kernel and Redis agree that nothing of it is left.
"""

from __future__ import annotations

import logging

from asok_core.backends.redis.consuming.registry import Recovered, Registry
from asok_core.backends.redis.keys import worker_of
from asok_core.errors import Refused
from asok_core.worker.child import Child
from asok_core.worker.config import WorkerConfig
from asok_core.worker.log import warn_of_dropped
from asok_core.worker.overrun import settle_overrun
from asok_core.worker.presence import is_gone

logger = logging.getLogger("asok.worker")


class Recovery:
    """The supervisor's side of ``recover``. Every step raises Unreachable or Refused."""

    def __init__(self, config: WorkerConfig, registry: Registry) -> None:
        self._config = config
        self._registry = registry
        self.neighbours: list[str] = []
        """Workers of this place that had a lease at the last beat."""

    def others(self) -> None:
        """Take over workers whose lease has run out, and lists that no lease covers."""
        refusals = []
        for worker in self._registry.expired():
            if worker != self._config.worker:
                try:
                    self._worker(worker)
                except Refused as error:
                    # One worker's broken keys must not keep the jobs of the next from coming back.
                    refusals.append(error)
        for process, queue in self._registry.orphans():
            total = self._registry.recover(process, queue, guard=worker_of(process))
            _tell(f"process {process}, which no lease covers", total)
        if refusals:
            raise refusals[0]

    def dead_neighbours(self) -> None:
        """Take over workers beside this one of which no process is left, before their leases end."""
        for worker in [each for each in self.neighbours if is_gone(each)]:
            # A last command may be under way; and copies of a running virtual machine are one place.
            if self._registry.connected(worker):
                continue
            ended = self._registry.end_lease(worker)
            self.neighbours.remove(worker)
            if ended:
                self._worker(worker, "of which no process is left")

    def _worker(self, worker: str, why: str = "whose lease ran out") -> None:
        registry = self._registry
        total, lists = Recovered(), registry.active_lists(worker)
        for process in {process for process, _ in lists}:
            registry.kill_waiters(process)
        for process, queue in lists:
            total += registry.recover(process, queue, guard=worker)
        keys = [registry.keys.active(process, queue) for process, queue in lists]
        if registry.leave(worker, keys, only_if_expired=True):
            _tell(f"worker {worker}, {why}", total)

    def child(self, child: Child) -> None:
        """Return what a dead child held; what ran when it died is charged with a crash."""
        # A job past its hard limit is why the process was ended: the others are not charged.
        over = child.overruns
        charged = () if over else [each.job_id for each in child.running()]
        self._registry.kill_waiters(child.process_id)
        total = Recovered()
        for queue in self._config.queues:
            if over:
                settle_overrun(self._config, self._registry, child.process_id, queue, over)
            total += self._registry.recover(child.process_id, queue, charged=charged)
        _tell(f"process {child.process_id}, which died", total)

    def rest_of(self, child: Child) -> None:
        """Return what a child left when the worker was stopped; nothing is charged for that."""
        if child.exit_code() != 0:
            self._registry.kill_waiters(child.process_id)
        for queue in self._config.queues:
            self._registry.recover(child.process_id, queue, charged=())


def _tell(of: str, total: Recovered) -> None:
    warn_of_dropped(total.dropped)
    if total.returned or total.dead:
        logger.warning(
            "Recovered %d jobs of %s%s",
            total.returned + total.dead,
            of,
            f"; {total.dead} had crashed too often and are dead letters" if total.dead else "",
        )
