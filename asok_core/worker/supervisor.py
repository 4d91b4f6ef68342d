"""The worker's first process: holds the lease, promotes, recovers, and looks after its children.

It never imports the application. A task that holds the GIL for a minute or crashes the interpreter
costs its own process, and not the lease.
"""

from __future__ import annotations

import logging
import os
import secrets
import signal
import socket
import time
from collections.abc import Callable
from types import FrameType

from asok_core import __version__
from asok_core.backends.redis.connection import Endpoint
from asok_core.backends.redis.delayed import promote_due
from asok_core.backends.redis.keys import Keys
from asok_core.backends.redis.registry import BEAT, Recovered, Registry
from asok_core.backends.redis.wakes import Wakes
from asok_core.errors import AsokError
from asok_core.worker.alarm import Alarm
from asok_core.worker.child import Child
from asok_core.worker.config import WorkerConfig
from asok_core.worker.overrun import settle_overrun

logger = logging.getLogger("asok.worker")

PROMOTE_AT_LEAST = 1.0
"""Seconds: a foreign worker's retries are not announced, so the delayed set is looked at this often."""
RETRY = 1.0
"""Seconds between two attempts to do what an outage of Redis kept from being done."""
LOOK = 0.25
"""Seconds between two looks at hard time limits."""
MARGIN = 5.0
"""Seconds beyond the children's deadline before they are killed."""


def worker_id() -> str:
    """``host-pid-random``: unique, and telling to whoever reads it."""
    host = "".join(c if c.isalnum() or c in "-_." else "-" for c in socket.gethostname())
    return f"{host[:40]}-{os.getpid()}-{secrets.token_hex(2)}"


class Supervisor:
    """``run`` returns the exit code once everything is returned, settled and the lease given up."""

    def __init__(self, config: WorkerConfig) -> None:
        settings = config.settings
        self._config = config
        self._keys = Keys(settings.namespace)
        endpoint = Endpoint(settings.redis_url, namespace=settings.namespace)
        self._registry = Registry(
            endpoint, self._keys, crash_limit=settings.crash_limit, dlq_max=settings.dlq_max
        )
        self._wakes = Wakes(endpoint, self._keys)
        self._alarm = Alarm()
        self._children = [Child(config, n) for n in range(1, config.processes + 1)]
        self._unrecovered: set[int] = set()
        self._respawn_at: dict[int, float] = {}
        self._quick_deaths: dict[int, int] = {}
        self._timers: dict[str, float] = {}
        self._stops = 0
        self._quiet = False
        self._started_at = time.time()
        self._outage: float | None = None

    def run(self) -> int:
        """Work until SIGTERM or SIGINT; a second one leaves at once."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_stop)
        signal.signal(signal.SIGCHLD, lambda _number, _frame: self._alarm.ring())
        self._wait_for_redis()
        if not self._stops:
            for child in self._children:
                self._start(child)
            config = self._config
            logger.info(
                "Worker %s: %d x %d threads on queues %s of %s",
                config.worker,
                config.processes,
                config.concurrency,
                ", ".join(config.queues),
                config.settings.masked_redis_url,
            )
        while not self._stops:
            self._round()
            self._alarm.sleep(self._next_timer(), self._wakes.files())
        self._shut_down()
        return 0

    def _on_stop(self, _number: int, _frame: FrameType | None) -> None:
        self._stops += 1
        self._alarm.ring()

    # One round

    def _round(self) -> None:
        for order in self._wakes.read():
            self._hear(order)
        self._bury_the_dead()
        self._every("look", LOOK, self._end_overruns)
        self._every("beat", BEAT, self._beat)
        self._every("promote", PROMOTE_AT_LEAST, self._promote)
        self._every("recover", BEAT, self._recover_others)
        self._every("wakes", BEAT, self._wakes.connect)

    def _every(self, name: str, seconds: float, duty: Callable[[], None]) -> None:
        now = time.monotonic()
        if now < self._timers.get(name, 0.0):
            return
        self._timers[name] = now + seconds
        self._try(duty)

    def _next_timer(self) -> float:
        due = [*self._timers.values(), *self._respawn_at.values()]
        return max(0.0, min(due, default=0.0) - time.monotonic())

    def _try(self, duty: Callable[[], None]) -> None:
        try:
            duty()
        except AsokError as error:
            if self._outage is None:
                self._outage = time.monotonic()
                logger.warning("%s; waiting for it", error)
            # When Redis is back, the lease comes first.
            self._timers["beat"] = min(self._timers.get("beat", 0.0), time.monotonic() + RETRY)
        else:
            if self._outage is not None and duty == self._beat:
                logger.info("Redis is back after %.1f s", time.monotonic() - self._outage)
                self._outage = None
                # Others had the same outage: their leases ran out, and they need time to renew them.
                self._timers["recover"] = time.monotonic() + 2 * BEAT

    def _wait_for_redis(self) -> None:
        backoff = 0.2
        while not self._stops:
            self._try(self._beat)
            if self._outage is None:
                return
            self._alarm.sleep(backoff, ())
            backoff = min(backoff * 2, 5.0)

    # Duties

    def _beat(self) -> None:
        config = self._config
        memory = [child.memory() for child in self._children]
        beat = self._registry.beat(
            config.worker,
            config.queues,
            {
                "host": socket.gethostname(),
                "pid": os.getpid(),
                "version": __version__,
                "queues": ",".join(config.queues),
                "concurrency": config.concurrency * config.processes,
                "processes": config.processes,
                "started_at": f"{self._started_at:.3f}",
                "running": sum(len(child.running()) for child in self._children),
                "rss": sum(size for size in memory if size),
                "quiet": int(self._quiet),
            },
        )
        self._obey(beat.wanted)
        for child, size in zip(self._children, memory, strict=True):
            if config.max_memory is not None and size is not None and size > config.max_memory:
                logger.info("Process %s has grown to %d bytes: a new one", child.process_id, size)
                child.order("drain")

    def _obey(self, wanted: str) -> None:
        if wanted == "stop":
            logger.info("Ordered to stop through Redis")
            self._stops += 1
        elif (wanted == "quiet") != self._quiet:
            self._quiet = wanted == "quiet"
            logger.info("Ordered to %s through Redis", "be quiet" if self._quiet else "go on")
            for child in self._children:
                child.order("quiet" if self._quiet else "loud")

    def _hear(self, words: str) -> None:
        verb, _, rest = words.partition(" ")
        if verb == "due":
            try:
                wait = max(0.0, float(rest) - time.time())
            except ValueError:
                return
            self._timers["promote"] = min(self._timers.get("promote", 0.0), time.monotonic() + wait)
        elif verb == "order" and rest == self._config.worker:
            self._timers["beat"] = 0.0
        elif verb in ("pause", "resume"):
            for child in self._children:
                child.order("wake")

    def _promote(self) -> None:
        done = promote_due(self._registry.link, self._keys, self._config.settings.dlq_max)
        if done.next_due_in is not None and done.next_due_in < PROMOTE_AT_LEAST:
            self._timers["promote"] = time.monotonic() + max(0.0, done.next_due_in)

    def _recover_others(self) -> None:
        for worker in self._registry.expired():
            if worker == self._config.worker:
                continue
            total, lists = Recovered(), self._registry.active_lists(worker)
            for process in {process for process, _ in lists}:
                self._registry.kill_waiters(process)
            for process, queue in lists:
                total += self._registry.recover(process, queue, guard=worker)
            keys = [self._keys.active(process, queue) for process, queue in lists]
            if self._registry.leave(worker, keys, only_if_expired=True):
                _tell_recovered(f"worker {worker}, whose lease ran out", total)
        for process, queue in self._registry.orphans():
            owner = process.rpartition(".")[0] or process
            total = self._registry.recover(process, queue, guard=owner)
            _tell_recovered(f"process {process}, which no lease covers", total)

    def _end_overruns(self) -> None:
        now = time.monotonic()
        for child in self._children:
            over = [each for each in child.running() if each.deadline and each.deadline <= now]
            if over and child.exit_code() is None:
                logger.error(
                    "Process %s is ended: %d jobs ran past their hard limit",
                    child.process_id,
                    len(over),
                )
                child.kill()

    # Children

    def _start(self, child: Child) -> None:
        child.start()
        child.started_at = time.monotonic()
        if self._quiet:
            child.order("quiet")

    def _bury_the_dead(self) -> None:
        for child in self._children:
            code = child.exit_code()
            if code is not None and child.number not in self._respawn_at:
                self._note_death(child, code)
            if child.number in self._unrecovered:
                self._try(lambda child=child: self._recover_child(child))  # type: ignore[misc]
            due = self._respawn_at.get(child.number)
            if due is None or due > time.monotonic():
                continue
            if child.number in self._unrecovered:
                self._respawn_at[child.number] = time.monotonic() + RETRY
            else:
                del self._respawn_at[child.number]
                self._start(child)

    def _note_death(self, child: Child, code: int) -> None:
        wait = 0.0
        if code != 0:
            logger.error("Process %s died (%s)", child.process_id, _exit_words(code))
            quick = time.monotonic() - child.started_at < 2.0
            deaths = self._quick_deaths.get(child.number, 0) + 1 if quick else 0
            self._quick_deaths[child.number] = deaths
            wait = min(0.1 * 2**deaths, 10.0) if deaths > 1 else 0.0
        self._unrecovered.add(child.number)
        self._respawn_at[child.number] = time.monotonic() + wait

    def _recover_child(self, child: Child) -> None:
        ran = child.running()
        now = time.monotonic()
        over = {each.job_id: now - each.started for each in ran if 0 < each.deadline <= now}
        # A job past its hard limit is why the process was ended: the others are not charged.
        charged = frozenset() if over else frozenset(each.job_id for each in ran)
        self._registry.kill_waiters(child.process_id)
        total = Recovered()
        for queue in self._config.queues:
            if over:
                settle_overrun(self._config, self._registry, child.process_id, queue, over)
            total += self._registry.recover(child.process_id, queue, charged=charged)
        self._unrecovered.discard(child.number)
        if total.returned or total.dead:
            _tell_recovered(f"process {child.process_id}, which died", total)

    # The end

    def _shut_down(self) -> None:
        """Drain the children, recover what they could not return, give up the lease last."""
        for child in self._children:
            child.order("drain")
        deadline = time.monotonic() + self._config.settings.worker_shutdown_timeout + MARGIN
        while any(child.exit_code() is None for child in self._children):
            self._every("beat", BEAT, self._beat)
            if self._stops > 1 or time.monotonic() > deadline:
                for child in self._children:
                    child.kill()
            self._alarm.sleep(0.5, ())
        for child in self._children:
            child.wait()
            self._try(lambda child=child: self._return_all(child))  # type: ignore[misc]
        lists = [
            self._keys.active(child.process_id, queue)
            for child in self._children
            for queue in self._config.queues
        ]
        self._try(lambda: _ignore(self._registry.leave(self._config.worker, lists)))
        for child in self._children:
            child.close()
        self._registry.close()
        self._wakes.close()
        logger.info("Worker %s has left", self._config.worker)

    def _return_all(self, child: Child) -> None:
        for queue in self._config.queues:
            self._registry.recover(child.process_id, queue, charged=())


def _ignore(_value: object) -> None:
    return None


def _tell_recovered(of: str, total: Recovered) -> None:
    if total.returned or total.dead:
        logger.warning(
            "Recovered %d jobs of %s%s",
            total.returned + total.dead,
            of,
            f"; {total.dead} had crashed too often and are dead letters" if total.dead else "",
        )


def _exit_words(code: int) -> str:
    if code < 0:
        try:
            return f"killed by {signal.Signals(-code).name}"
        except ValueError:
            return f"killed by signal {-code}"
    return f"exit code {code}"
