"""The worker's first process: holds the lease, promotes, recovers, and looks after its children.

It never imports the application. A task that holds the GIL for a minute or crashes the interpreter
costs its own process, and not the lease.
"""

from __future__ import annotations

import os
import re
import secrets
import socket
import time
from collections.abc import Callable
from functools import partial

from asok_core.backends.redis.connection import Endpoint
from asok_core.backends.redis.consuming.dead_job_expiry import drop_aged
from asok_core.backends.redis.consuming.promotion import LONGEST, promote_due
from asok_core.backends.redis.consuming.registry import Registry
from asok_core.backends.redis.consuming.renewal import HELD, LONGEST_WAIT, Renewal, renew_held
from asok_core.backends.redis.consuming.unclaimed import Unclaimed
from asok_core.backends.redis.consuming.wake_channel import Wakes
from asok_core.backends.redis.keys import Keys
from asok_core.backends.redis.scripts import load_scripts
from asok_core.errors import AsokError, NoResources, Unreachable
from asok_core.inspection.memory_growth import INTERVAL
from asok_core.runtime.failures import LONGEST_TRACEBACK, failure_of
from asok_core.runtime.logs import safe_logger, written_elsewhere
from asok_core.version import __version__
from asok_core.worker.config import WorkerConfig
from asok_core.worker.log import log_set_aside
from asok_core.worker.outage import Reasons
from asok_core.worker.presence import Presence
from asok_core.worker.signals import Requests
from asok_core.worker.supervising.commands import Orders
from asok_core.worker.supervising.process_health import HealthReport
from asok_core.worker.supervising.processes import Processes
from asok_core.worker.supervising.recovery import Recovery
from asok_core.worker.supervising.redis_memory import MemoryWatch
from asok_core.worker.supervising.systemd import ALIVE, READY, STOPPING, notify
from asok_core.worker.wakeup import Alarm

logger = safe_logger("asok.worker")

PROMOTE_AT_LEAST = 1.0
"""Seconds: a foreign worker's retries are not announced, so the delayed set is looked at this often."""
HEARTBEATS = 6
"""Beats in the length of a lease: so many may be late or lost before it runs out."""
RETRY = 1.0
"""Seconds between two attempts to do what an outage of Redis kept from being done."""
UNCLAIMED = 5.0
"""Seconds between two looks at queues from which no worker may claim."""
AGE = 60.0
"""Seconds between two looks for dead letters that are too old."""
LOOK = 0.25
"""Seconds between two looks at hard time limits."""
LOOK_AT_OTHERS = 0.4
"""Seconds between two looks at the leases of all workers, and whether those beside this one live."""
LISTEN = 5.0
"""Seconds between two checks of the subscription to wakes."""
UNABLE = 4
"""Exit code of a worker of which no process can run jobs, where it is set to exit then."""
UNABLE_REASON = "no process can run jobs"
LEAVE_ATTEMPTS = 2
MARGIN = 5.0
"""Seconds beyond the children's deadline before they are killed."""


def worker_id() -> str:
    """``host-pid-random``: unique, and telling to whoever reads it."""
    host = re.sub(r"[^A-Za-z0-9_.-]", "-", socket.gethostname())
    return f"{host[:40]}-{os.getpid()}-{secrets.token_hex(2)}"


class Supervisor:
    """``run`` returns the exit code once everything is returned, settled and the lease given up."""

    def __init__(self, config: WorkerConfig) -> None:
        settings = config.settings
        self._config = config
        self._keys = Keys(settings.namespace)
        endpoint = Endpoint(settings.redis_url, namespace=settings.namespace)
        self._registry = Registry(
            endpoint,
            self._keys,
            crash_limit=settings.crash_limit,
            dlq_max=settings.dlq_max,
            lease=settings.worker_lease,
            largest=settings.largest_envelope,
            name=f"asok:{config.worker}:supervisor",
        )
        self._heartbeat_every = settings.worker_lease / HEARTBEATS
        self._longest_duty = min(LONGEST, self._heartbeat_every)
        self._registry.between = lambda: self._every("beat", self._heartbeat_every, self._heartbeat)
        self._renewal = Renewal(self._keys, config.worker, largest=settings.largest_envelope)
        self._unclaimed = Unclaimed(self._keys, largest=settings.largest_envelope)
        self._wakes = Wakes(endpoint, self._keys)
        self._alarm = Alarm()
        self._requests = Requests(self._alarm.ring)
        self._presence = Presence(config.worker)
        self._recovery = Recovery(config, self._registry, self._presence.machine)
        self._processes = Processes(config, self._presence, self._alarm.bell)
        self._timers: dict[str, float] = {}
        self._orders = Orders(
            config, self._registry, self._processes, self._requests, hasten=self._hasten
        )
        self._memory = MemoryWatch()
        self._started_at: float | None = None
        self._leased = False
        self._ready = False
        self._report: HealthReport | None = None
        self._outage: float | None = None
        self._reasons = Reasons()
        self._away = True
        self._refused: set[str] = set()
        self._failed: set[str] = set()

    def run(self) -> int:
        """Work until a signal or an order says to stop: see ``Requests`` and README."""
        # Whoever reads standard error may have stopped reading: that must not cost the lease.
        with written_elsewhere():
            return self._run()

    def _run(self) -> int:
        load_scripts()
        self._requests.listen()
        self._wait_for_redis()
        if not self._requests.stop:
            self._processes.start()
            config = self._config
            logger.info(
                "Worker %s: %d x %d threads on queues %s of %s",
                config.worker,
                config.processes,
                config.concurrency,
                ", ".join(config.queues),
                config.settings.masked_redis_url,
            )
        while not self._requests.stop:
            self._round()
            self._alarm.sleep(self._next_timer(), self._wakes.files())
        self._shut_down()
        return UNABLE if self._requests.stop == UNABLE_REASON else 0

    # One round

    def _round(self) -> None:
        for message in self._wakes.read():
            self._orders.follow(message)
        self._processes.replace_the_dead(
            lambda dead: self._try(partial(self._recovery.process, dead))
        )
        if self._processes.has_news():
            self._timers["beat"] = 0.0
        self._processes.attend(self._requests)
        self._every("look", LOOK, self._look)
        self._every("beat", self._heartbeat_every, self._heartbeat)
        self._every("promote", PROMOTE_AT_LEAST, self._promote)
        self._every("others", LOOK_AT_OTHERS, self._look_at_others)
        self._every("orphans", self._heartbeat_every, self._recovery.orphans)
        self._every("wakes", min(self._heartbeat_every, LISTEN), self._wakes.check)
        self._every("age", AGE, self._drop_aged)
        self._every("memory", INTERVAL, self._watch_memory)
        self._every("renew", LONGEST_WAIT, self._renew)
        self._every("renew held", HELD, self._renew_held)
        self._every("unclaimed", UNCLAIMED, self._look_at_unclaimed)

    def _every(self, name: str, seconds: float, duty: Callable[[], None]) -> None:
        now = time.monotonic()
        if now < self._timers.get(name, 0.0):
            return
        self._timers[name] = now + seconds
        self._try(duty)

    def _hasten(self, name: str, wait: float) -> None:
        """Have a duty done in ``wait`` seconds at the latest."""
        self._timers[name] = min(self._timers.get(name, 0.0), time.monotonic() + wait)

    def _next_timer(self) -> float:
        due = min([*self._timers.values(), self._processes.next_start])
        return max(0.0, due - time.monotonic())

    def _try(self, duty: Callable[[], None]) -> bool:
        """Do a duty that needs Redis: whether it was done. Trouble is logged once, until it is over."""
        name = getattr(duty, "__name__", repr(duty))
        try:
            duty()
        except AsokError as error:
            # Where there is but no room for one connection more, everything else goes on.
            if isinstance(error, Unreachable) and duty != self._wakes.check:
                self._note_outage(error)
            elif name not in self._refused and (self._outage is None or duty == self._heartbeat):
                # It answers: the outage is over, and what is logged from now on is this refusal.
                self._outage = None
                self._refused.add(name)
                logger.error("%s; trying again until it is allowed", error)
            return False
        except Exception as error:
            # A fault of ours, such as over a value that nobody foresaw in Redis, costs one duty and not
            # the lease. The rest of a reply may be unread.
            self._registry.close()
            if name not in self._failed:
                self._failed.add(name)
                text = failure_of(error, LONGEST_TRACEBACK).traceback
                logger.error("Duty %s failed; trying again", name, exc_info=error, exc_text=text)
            return False
        if name in self._refused:
            self._refused.remove(name)
            if not self._refused:
                logger.info("Redis no longer refuses what this worker needs")
        if name in self._failed:
            self._failed.remove(name)
            logger.info("Duty %s no longer fails", name)
        if self._outage is not None and duty == self._heartbeat:
            what = "Redis is back" if self._away else "Connected to Redis"
            logger.info("%s after %.1f s", what, time.monotonic() - self._outage)
            self._outage = None
            # The processes may be in a long pause between two attempts.
            self._processes.order("wake")
        return True

    def _note_outage(self, error: Unreachable) -> None:
        if self._outage is None:
            self._outage = time.monotonic()
            # What was missing is not known to be Redis.
            self._away = not isinstance(error, NoResources)
            logger.warning("%s; %s", error, "waiting for it" if self._away else "trying again")
            self._reasons.begin(error)
        self._reasons.add(error)
        # When Redis is back, the lease comes first.
        self._timers["beat"] = min(self._timers.get("beat", 0.0), time.monotonic() + RETRY)

    def _wait_for_redis(self) -> None:
        backoff = 0.2
        while not self._requests.stop and not self._try(self._heartbeat):
            self._processes.attend(self._requests)
            self._alarm.sleep(backoff, ())
            backoff = min(backoff * 2, 5.0)

    # Duties

    def _heartbeat(self) -> None:
        # A process that hangs and could not be replaced: whoever watches this worker ends it whole. One
        # whose job holds it is at work, as far as is known.
        if not self._processes.stuck:
            notify(ALIVE)
        config = self._config
        if self._started_at is None:
            self._started_at = self._registry.now()
        memory = [process.memory() for process in self._processes]
        slots = self._processes.slots
        asked_at = time.monotonic()
        heartbeat = self._registry.heartbeat(
            config.worker,
            config.queues,
            {
                "host": socket.gethostname(),
                "pid": os.getpid(),
                "version": __version__,
                "queues": ",".join(config.queues),
                "concurrency": config.concurrency * config.processes,
                "processes": config.processes,
                "slots": ",".join(f"{number}:{each}" for number, each in slots.items()),
                "started_at": f"{self._started_at:.3f}",
                "running": sum(len(process.running()) for process in self._processes),
                # Where no process lives, nothing is known.
                "rss": sum(size for size in memory if size) or "",
                **self._processes.report().fields(),
                "memory_rate": "" if self._memory.rate is None else f"{self._memory.rate:.0f}",
                "envelopes": "v1 v2" if config.settings.accepts_v1 else "v2",
                "quiet": int(self._processes.quiet),
                "stopping": int(bool(self._requests.stop)),
            },
            machine=self._presence.machine,
        )
        self._leased = True
        self._processes.publish(slots)
        for process in self._processes:
            process.shared.leased_until = asked_at + config.settings.worker_lease
        if not heartbeat.whole:
            self._recovery.spare_others()
        self._orders.obey(heartbeat)
        for process, size in zip(self._processes, memory, strict=True):
            if config.max_memory is None or size is None or size <= config.max_memory:
                continue
            # Where each process is too large from its start, each runs a job all the same.
            if process.shared.proven:
                process.retire(f"has grown to {size} bytes")

    def _look(self) -> None:
        """What is not for Redis: limits of jobs and of loops, and how the processes fare."""
        self._processes.end_overruns()
        limit = self._config.settings.worker_hang_limit
        self._processes.watch_loops(limit, in_outage=self._outage is not None)
        report = self._processes.report()
        if report.able and not self._ready:
            self._ready = True
            notify(READY)
        if report.unable and self._config.settings.worker_exit_when_unable:
            self._requests.stop = self._requests.stop or UNABLE_REASON
        before, self._report = self._report, report
        if before is None or before.state != report.state:
            self._timers["beat"] = 0.0

    def _look_at_others(self) -> None:
        if not self._recovery.others():
            # The clock of Redis was set forward, or somebody took the lease away.
            self._timers["beat"] = 0.0

    def _watch_memory(self) -> None:
        self._memory.look(self._registry.connection)

    def _drop_aged(self) -> None:
        max_age = self._config.settings.dlq_max_age
        if max_age is None:
            return
        dropped, more = drop_aged(
            self._registry.connection,
            self._keys,
            max_age,
            seconds=self._longest_duty,
            largest=self._config.settings.largest_envelope,
        )
        if more:
            self._timers["age"] = 0.0
        if dropped:
            logger.warning("%d dead letters older than ASOK_DLQ_MAX_AGE were dropped", dropped)

    def _promote(self) -> None:
        done = promote_due(
            self._registry.connection,
            self._keys,
            by=self._config.worker,
            seconds=self._longest_duty,
            largest=self._config.settings.largest_envelope,
        )
        log_set_aside(done.aside)
        if done.next_due_in is not None and done.next_due_in < PROMOTE_AT_LEAST:
            self._timers["promote"] = time.monotonic() + max(0.0, done.next_due_in)

    def _renew(self) -> None:
        done = self._renewal.step(self._registry.connection)
        self._timers["renew"] = time.monotonic() + done.wait
        log_set_aside(done.aside)
        if done.lost:
            logger.warning(
                "Found %d unfinished jobs that are in no queue and in no worker's hands: their list "
                "was deleted, or another program's worker took them and keeps no records of them. "
                "Their records expire in 24 h",
                done.lost,
            )

    def _look_at_unclaimed(self) -> None:
        log_set_aside(self._unclaimed.look(self._registry.connection))

    def _renew_held(self) -> None:
        lists, between = self._active_lists(), self._registry.between
        renew_held(self._registry.connection, self._keys, lists, between)

    def _active_lists(self) -> list[tuple[str, str]]:
        queues = self._config.queues
        return [(process.process_id, queue) for process in self._processes for queue in queues]

    # The end

    def _shut_down(self) -> None:
        """Drain the children, recover what they could not return, give up the lease last."""
        config, requests = self._config, self._requests
        grace = config.settings.worker_shutdown_timeout
        how = "at once" if requests.at_once else f"within {grace:g} s"
        logger.info("Worker %s stops %s (%s)", config.worker, how, requests.stop)
        notify(STOPPING)
        self._processes.order("drain")
        deadline = time.monotonic() + grace + MARGIN
        # From here on a death of this worker is no fault of a job, and others must know that.
        self._timers["beat"] = 0.0
        while any(process.alive for process in self._processes):
            if requests.at_once or time.monotonic() > deadline:
                for process in self._processes:
                    process.kill()
            self._every("beat", self._heartbeat_every, self._heartbeat)
            for process in self._processes:
                process.tell()
            self._processes.watch_loops(None, in_outage=self._outage is not None)
            self._processes.attend(self._requests)
            self._alarm.sleep(0.5, ())
        left = self._give_up_lease() if self._leased else True
        for process in self._processes:
            process.close()
        self._registry.close()
        self._wakes.close()
        self._presence.close()
        if left:
            logger.info("Worker %s has stopped", config.worker)
        else:
            logger.warning(
                "Worker %s has stopped and could not give up its lease: what is still active is "
                "recovered by another worker when the lease ends, within %g s",
                config.worker,
                config.settings.worker_lease,
            )

    def _give_up_lease(self) -> bool:
        """Return what the processes left, and the lease after that: whether Redis has neither now."""
        given_up = False

        def give_up() -> None:
            nonlocal given_up
            self._recovery.rest_of(self._processes)
            lists = [self._keys.active(*each) for each in self._active_lists()]
            given_up = self._registry.leave(self._config.worker, lists)

        # A second time for a claim that Redis got before the end of a process and served after
        # ``rest_of``, and for a connection that broke. Whoever stops this worker waits.
        for _ in range(LEAVE_ATTEMPTS):
            self._try(give_up)
            if given_up:
                break
        return given_up
