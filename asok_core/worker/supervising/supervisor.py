"""The worker's first process: it holds the lease, runs its duties, and looks after the other processes.

It never imports the application. A task that holds the GIL for a minute or crashes the interpreter
costs its own process, and not the lease.
"""

from __future__ import annotations

import os
import re
import secrets
import socket
import time

from asok_core.backends.redis.connection import Endpoint
from asok_core.backends.redis.consuming.registry import Registry
from asok_core.backends.redis.consuming.wake_channel import WakeSubscription
from asok_core.backends.redis.keys import Keys
from asok_core.backends.redis.scripts import read_sources
from asok_core.inspection.phrases import counted
from asok_core.runtime.logs import safe_logger, written_elsewhere
from asok_core.worker.config import WorkerConfig
from asok_core.worker.outage import Outage
from asok_core.worker.presence import WorkerPresence
from asok_core.worker.signals import SignalRequests
from asok_core.worker.supervising.commands import Commands
from asok_core.worker.supervising.duties.active_renewal import ActiveRenewalDuty
from asok_core.worker.supervising.duties.crash_recovery import CrashRecoveryDuty
from asok_core.worker.supervising.duties.dead_job_expiry import DeadJobExpiryDuty
from asok_core.worker.supervising.duties.duty import Duty
from asok_core.worker.supervising.duties.heartbeat import HeartbeatDuty
from asok_core.worker.supervising.duties.hold_end import HoldEndDuty
from asok_core.worker.supervising.duties.lease_recovery import LeaseRecoveryDuty
from asok_core.worker.supervising.duties.lease_release import LeaseReleaseDuty
from asok_core.worker.supervising.duties.limit_review import LimitReviewDuty
from asok_core.worker.supervising.duties.orphan_recovery import OrphanRecoveryDuty
from asok_core.worker.supervising.duties.process_check import UNABLE_REASON, ProcessCheckDuty
from asok_core.worker.supervising.duties.promotion import PromotionDuty
from asok_core.worker.supervising.duties.queue_history import QueueHistoryDuty
from asok_core.worker.supervising.duties.record_renewal import RecordRenewalDuty
from asok_core.worker.supervising.duties.redis_memory import RedisMemoryDuty
from asok_core.worker.supervising.duties.stack_answers import StackAnswersDuty
from asok_core.worker.supervising.duties.subscription import SubscriptionDuty
from asok_core.worker.supervising.duties.unclaimed_queues import UnclaimedQueuesDuty
from asok_core.worker.supervising.duty_schedule import DutySchedule
from asok_core.worker.supervising.event_report import EventReport
from asok_core.worker.supervising.processes import Processes
from asok_core.worker.supervising.recovery import Recovery
from asok_core.worker.supervising.systemd import STOPPING, notify
from asok_core.worker.supervising.wake_messages import WakeMessages
from asok_core.worker.wakeup import Alarm

logger = safe_logger("asok.worker")

SHORTEST_BACKOFF, LONGEST_BACKOFF = 0.2, 5.0
"""Seconds between two attempts to reach Redis at the start."""
UNABLE = 4
"""Exit code of a worker that cannot import a module of ``--import``, or of which no process can run jobs,
where it is set to exit then."""
RELEASE_ATTEMPTS = 2
MARGIN = 4.0
"""Seconds beyond the deadline of the processes before they are ended."""
LOOK, SAMPLING = 0.25, 0.05
"""Seconds between two looks at processes that stop, and while the stacks of their jobs are taken."""


def worker_id() -> str:
    """``host-pid-random``: unique, and it shows where the worker runs."""
    host = re.sub(r"[^A-Za-z0-9_.-]", "-", socket.gethostname())
    return f"{host[:40]}-{os.getpid()}-{secrets.token_hex(2)}"


class Supervisor:
    """``run`` returns the exit code once everything is returned, settled and the lease given up."""

    def __init__(self, config: WorkerConfig) -> None:
        settings = config.settings
        self._config = config
        keys = Keys(settings.namespace)
        endpoint = Endpoint(settings.redis_url, namespace=settings.namespace)
        self._registry = registry = Registry(
            endpoint,
            keys,
            lease=settings.worker_lease,
            events_max=settings.events_max,
            events_age=settings.events_max_age,
            name=f"asok:{config.worker}:supervisor",
        )
        self._alarm = Alarm()
        self._requests = SignalRequests(self._alarm.ring)
        self._outage = Outage()
        self._wakes = WakeSubscription(endpoint, keys)
        self._presence = WorkerPresence(config.worker)
        self._events = EventReport(config.worker)
        self._processes = Processes(config, self._presence, self._alarm.bell, self._events)
        self._recovery = Recovery(config, registry, self._presence.machine)
        self._answers = StackAnswersDuty(registry, self._processes)
        commands = Commands(config, registry, self._processes, self._requests, self._answers.add)
        memory = RedisMemoryDuty(registry)
        self._heartbeat = HeartbeatDuty(
            config,
            registry,
            processes=self._processes,
            presence=self._presence,
            requests=self._requests,
            commands=commands,
            recovery=self._recovery,
            memory=memory,
            events=self._events,
        )
        promotion = PromotionDuty(config, registry, longest=self._heartbeat.interval)
        limit_review = LimitReviewDuty(registry, self._heartbeat)
        self._crash_recovery = CrashRecoveryDuty(self._processes, self._recovery)
        self._schedule = DutySchedule(
            self._duties(promotion, limit_review, memory),
            heartbeat=self._heartbeat,
            outage=self._outage,
            reset=registry.close,
            # The processes may be in a long pause between two attempts.
            on_recovery=lambda: self._processes.send("wake"),
        )
        registry.between = lambda: self._schedule.run_if_due(self._heartbeat)
        self._messages = WakeMessages(
            config.worker,
            registry,
            self._processes,
            commands,
            heartbeat=self._heartbeat,
            promotion=promotion,
            limit_review=limit_review,
        )

    def _duties(self, promotion: Duty, limit_review: Duty, memory: Duty) -> list[Duty]:
        """All duties, in the order in which they are done where several are due."""
        config, registry, settings = self._config, self._registry, self._config.settings
        heartbeat = self._heartbeat
        duties = [
            self._crash_recovery,
            ProcessCheckDuty(
                config,
                self._processes,
                requests=self._requests,
                outage=self._outage,
                heartbeat=heartbeat,
                events=self._events,
            ),
            heartbeat,
            self._answers,
            promotion,
            LeaseRecoveryDuty(self._recovery, heartbeat),
            OrphanRecoveryDuty(self._recovery, heartbeat.interval),
            SubscriptionDuty(self._wakes, heartbeat.interval),
            memory,
            RecordRenewalDuty(config, registry),
            ActiveRenewalDuty(registry, self._processes),
            HoldEndDuty(registry, heartbeat),
            limit_review,
            UnclaimedQueuesDuty(config, registry),
            QueueHistoryDuty(config, registry),
        ]
        if settings.dlq_max_age is not None:
            duties.append(
                DeadJobExpiryDuty(
                    registry,
                    settings.dlq_max_age,
                    largest=settings.largest_envelope,
                    longest=heartbeat.interval,
                )
            )
        return duties

    def run(self) -> int:
        """Work until a signal or a command says to stop: see ``SignalRequests`` and README."""
        # The reader of standard error may have stopped: that must not cost the lease.
        with written_elsewhere():
            return self._run()

    def _run(self) -> int:
        read_sources()
        self._requests.listen()
        self._wait_for_redis()
        if not self._requests.stop:
            self._processes.start()
            config = self._config
            logger.info(
                "Worker %s: %d %s with %s each on queues %s of %s",
                config.worker,
                config.processes,
                "process" if config.processes == 1 else "processes",
                counted(config.concurrency, "thread"),
                ", ".join(config.queues),
                config.settings.masked_redis_url,
            )
        while not self._requests.stop:
            self._round()
            due = min(self._schedule.next_due, self._processes.next_start)
            self._alarm.sleep(max(0.0, due - time.monotonic()), self._wakes.files())
        self._shut_down()
        return (
            UNABLE if self._requests.stop in (UNABLE_REASON, self._processes.failed_import) else 0
        )

    def _wait_for_redis(self) -> None:
        backoff = SHORTEST_BACKOFF
        while not self._requests.stop and not self._schedule.run(self._heartbeat):
            self._processes.attend(self._requests)
            self._alarm.sleep(backoff, ())
            backoff = min(backoff * 2, LONGEST_BACKOFF)

    def _round(self) -> None:
        """Read messages, replace processes that have ended, and do the duties that are due."""
        self._follow_messages()
        if self._processes.note_ended():
            self._crash_recovery.hasten()
        if self._processes.failed_import:
            self._requests.stop = self._requests.stop or self._processes.failed_import
            return
        self._schedule.run_if_due(self._crash_recovery)
        self._processes.start_due()
        if self._processes.has_news() or self._heartbeat.has_new_holds:
            self._heartbeat.hasten()
        self._processes.attend(self._requests)
        self._schedule.run_due()

    def _follow_messages(self) -> None:
        for message in self._wakes.read():
            self._messages.follow(message)

    # The end

    def _shut_down(self) -> None:
        """Drain the processes, recover what they could not return, give up the lease last."""
        config, requests = self._config, self._requests
        grace = config.settings.worker_shutdown_timeout
        if requests.stop == self._processes.failed_import:
            hint = "" if config.debug else " (run with --debug for the traceback)"
            logger.error("Worker %s stops: %s%s", config.worker, requests.stop, hint)
        else:
            how = "at once" if requests.at_once else f"within {grace:g} s"
            logger.info("Worker %s stops %s (%s)", config.worker, how, requests.stop)
        notify(STOPPING)
        self._processes.send("drain")
        deadline = time.monotonic() + grace + MARGIN
        # From here on a death of this worker is not a fault of a job, and others must know that.
        self._heartbeat.hasten()
        while any(process.alive for process in self._processes):
            late = time.monotonic() >= deadline
            self._processes.end_importing()  # Some had not begun when the stop was ordered.
            if requests.at_once:
                self._processes.end_for_stop("")
            elif late:
                self._processes.end_for_stop(f"it did not stop within {grace + MARGIN:g} s")
            else:
                # The operator who cancels a job need not wait for the deadline.
                self._processes.end_for_jobs(limits=False)
            self._follow_messages()
            self._processes.note_deaths()
            self._schedule.run_if_due(self._heartbeat)
            self._schedule.run_if_due(self._answers)
            self._processes.check(None, in_outage=self._outage.active)
            self._processes.attend(self._requests)
            self._alarm.sleep(SAMPLING if late else LOOK, self._wakes.files())
        self._processes.note_deaths()
        released = self._release_lease()
        for process in self._processes:
            process.close()
        self._registry.close()
        self._wakes.close()
        self._presence.close()
        if released:
            logger.info("Worker %s has stopped", config.worker)
        else:
            logger.warning(
                "Worker %s has stopped and could not give up its lease: what is still active is "
                "recovered by another worker when the lease ends, within %g s",
                config.worker,
                config.settings.worker_lease,
            )

    def _release_lease(self) -> bool:
        """Whether Redis has neither jobs of this worker nor its lease now."""
        if not self._heartbeat.leased:
            return True
        if self._events and not self._outage.active:
            # How its processes ended is known before the worker is known to have stopped.
            self._schedule.run(self._heartbeat)
        release = LeaseReleaseDuty(
            self._config,
            self._registry,
            processes=self._processes,
            recovery=self._recovery,
            reason=self._requests.stop,
        )
        # A second time for a claim that Redis got before the end of a process and served after
        # ``rest_of``, and for a connection that broke. The operator who stops this worker waits.
        for _ in range(RELEASE_ATTEMPTS):
            self._schedule.run(release)
            if release.released:
                break
        return release.released
