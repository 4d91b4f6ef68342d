"""Renewal of the records of waiting jobs, by a slow walk that all supervisors share."""

from __future__ import annotations

from asok_core.backends.redis.consuming.registry import Registry
from asok_core.backends.redis.consuming.renewal import LONGEST_WAIT, Renewal
from asok_core.runtime.logs import safe_logger
from asok_core.worker.config import WorkerConfig
from asok_core.worker.log import log_set_aside
from asok_core.worker.supervising.duties.duty import Duty

logger = safe_logger("asok.worker")


class RecordRenewalDuty(Duty):
    """One step of the walk each time, if no other supervisor does it."""

    name = "renewal of records"

    def __init__(self, config: WorkerConfig, registry: Registry) -> None:
        super().__init__(LONGEST_WAIT)
        self._registry = registry
        self._renewal = Renewal(
            registry.keys, config.worker, largest=config.settings.largest_envelope
        )

    def run(self) -> float | None:
        """Do a step. It is due again when the next one is."""
        done = self._renewal.step(self._registry.connection)
        log_set_aside(done.aside)
        if done.lost:
            logger.warning(
                "Found %d unfinished jobs that are in no queue and held by no worker: their list was "
                "deleted, or another program's worker took them and keeps no records of them. "
                "Their records expire in 24 h",
                done.lost,
            )
        return done.wait
