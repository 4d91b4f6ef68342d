"""The check of this worker's processes: hard limits of jobs, loops that hang, and their health."""

from __future__ import annotations

from collections.abc import Mapping

from asok_core.inspection.events import EventKind
from asok_core.worker.config import WorkerConfig
from asok_core.worker.outage import Outage
from asok_core.worker.signals import SignalRequests
from asok_core.worker.supervising.duties.duty import Duty
from asok_core.worker.supervising.event_report import EventReport
from asok_core.worker.supervising.process_health import HealthReport
from asok_core.worker.supervising.processes import Processes
from asok_core.worker.supervising.systemd import READY, notify

INTERVAL = 0.25
UNABLE_REASON = "no process can run jobs"


class ProcessCheckDuty(Duty):
    """Without Redis. ``heartbeat`` is hastened when the health of the worker has changed."""

    name = "check of processes"

    def __init__(
        self,
        config: WorkerConfig,
        processes: Processes,
        *,
        requests: SignalRequests,
        outage: Outage,
        heartbeat: Duty,
        events: EventReport,
    ) -> None:
        super().__init__(INTERVAL)
        self._settings = config.settings
        self._processes = processes
        self._requests = requests
        self._outage = outage
        self._heartbeat = heartbeat
        self._events = events
        self._ready = False
        self._report: HealthReport | None = None

    def run(self) -> None:
        """Check each of them."""
        self._processes.end_for_jobs()
        limit = self._settings.worker_hang_limit
        self._processes.check(limit, in_outage=self._outage.active)
        report = self._processes.report()
        if report.able and not self._ready:
            self._ready = True
            notify(READY)
        if report.unable and self._settings.worker_exit_when_unable:
            self._requests.stop = self._requests.stop or UNABLE_REASON
        before, self._report = self._report, report
        if before is None or before.state != report.state:
            self._heartbeat.hasten()
        self._report_warnings(before.warnings() if before else {}, report.warnings())

    def _report_warnings(self, before: Mapping[str, str], now: Mapping[str, str]) -> None:
        for name in now.keys() - before.keys():
            self._events.note(EventKind.WARNING_RAISED, warning=name, reason=now[name])
        for name in before.keys() - now.keys():
            self._events.note(EventKind.WARNING_CLEARED, warning=name)
