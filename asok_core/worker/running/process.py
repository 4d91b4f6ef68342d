"""A process of a worker: only such processes import and run the application's code.

``start.py`` calls ``main`` with the shared state as a file descriptor. The configuration comes by standard
input, and commands after it. When that closes, the supervisor has ended, and the process drains.
"""

from __future__ import annotations

import math
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from functools import partial

from asok_core.backends.redis.connection import Endpoint
from asok_core.backends.redis.consuming.blocked_claims import BlockedClaims
from asok_core.backends.redis.consuming.consumer import Consumer
from asok_core.backends.redis.keys import Keys
from asok_core.backends.redis.scripts import read_sources
from asok_core.errors import Refused, Unreachable
from asok_core.execution.import_path import add_application_folder
from asok_core.jobs import waiting
from asok_core.jobs.job_text import load_decoder
from asok_core.jobs.keyring import keyring_of
from asok_core.jobs.typed import load_converter
from asok_core.runtime import forks, output, streams
from asok_core.runtime.bounded import call_within
from asok_core.runtime.logs import EXIT_PATIENCE, end_logging, safe_logger, written_elsewhere
from asok_core.worker.application_release import release_of
from asok_core.worker.config import WorkerConfig, receive
from asok_core.worker.log import set_up_logging
from asok_core.worker.outage import Outage
from asok_core.worker.presence import keep_from_tasks
from asok_core.worker.running.attempts import AttemptRunner
from asok_core.worker.running.dispatcher import Dispatcher
from asok_core.worker.running.failure_hooks import FailureNotices
from asok_core.worker.running.start_imports import import_modules
from asok_core.worker.running.threads import end_broken
from asok_core.worker.shared_state import SharedState
from asok_core.worker.signals import STOP, handle, keep_from_forks
from asok_core.worker.stacks import pulse, write_stacks_to
from asok_core.worker.start import WORN
from asok_core.worker.wakeup import Alarm, ring

logger = safe_logger("asok.worker")

SHORTEST_BACKOFF, LONGEST_BACKOFF = 0.1, 5.0
"""Seconds between two attempts to reach a Redis that is away."""
MARGIN, LONGEST_MARGIN = 0.2, 2.0
"""Part of the lease before its end, and seconds at most: a process without supervisor returns its jobs."""


class Process:
    """Turns the dispatcher until it is drained, through outages of Redis."""

    def __init__(
        self,
        config: WorkerConfig,
        process: str,
        shared: SharedState,
        alarm: Alarm,
        *,
        slots: int,
        release: str = "",
        notify_supervisor: Callable[[], None],
    ) -> None:
        settings = config.settings
        keys = Keys(settings.namespace)
        endpoint = Endpoint(settings.redis_url, namespace=settings.namespace)
        self._grace = settings.worker_shutdown_timeout
        self._lease = settings.worker_lease
        self._outage = Outage()
        self._backoff = SHORTEST_BACKOFF
        self._alarm = alarm
        self._shared = shared
        self._consumer = Consumer(
            endpoint,
            keys,
            worker=config.worker,
            process=process,
            queues=config.queues,
            dlq_max=settings.dlq_max,
            largest=settings.largest_envelope,
            release=release,
        )
        self._blocked = BlockedClaims(endpoint, keys, process, largest=settings.largest_envelope)
        keyring = keyring_of(settings)
        waits = waiting.Slots(slots)
        waiting.worker = waiting.WorkerProcess(
            process, settings.redis_url, settings.namespace, waits
        )
        runner = AttemptRunner(settings, keyring, config.log_arguments, waits, release)
        self._dispatcher = Dispatcher(
            config,
            self._consumer,
            self._blocked,
            runner=runner,
            shared=shared,
            alarm=self._alarm,
            notices=FailureNotices(
                endpoint,
                keys,
                keyring,
                process=process,
                queues=config.queues,
                shared=shared,
                allowed=runner.allowed,
            ),
            slots=slots,
            notify_supervisor=notify_supervisor,
        )

    def run(self) -> int:
        """Work until a command ends it, or until ``max_jobs`` are done. Returns the exit code."""
        with written_elsewhere():
            return self._run()

    def _run(self) -> int:
        dispatcher = self._dispatcher
        # Commands that came before the first claim, as to import some modules not yet.
        self._alarm.sleep(0, ())
        dispatcher.follow_commands()
        self._persist(dispatcher.reconcile)
        while dispatcher.open and not dispatcher.worn:
            self._persist(dispatcher.turn)
        worn = dispatcher.worn
        self._drain()
        return WORN if worn else 0

    def _persist(self, step: Callable[[], None]) -> None:
        """Do a step; when Redis is away or refuses, log each of these once and wait with backoff.

        What it holds of ours may have changed by then: ``reconcile`` is the first step after that.
        """
        self._shared.note_turn()
        try:
            if self._outage.active:
                self._dispatcher.reconcile()
            back_at = time.monotonic()
            step()
        except (Unreachable, Refused) as error:
            if self._outage.note(error):
                self._backoff = SHORTEST_BACKOFF
            self._consumer.close()
            self._blocked.close()
            self._alarm.sleep(self._backoff, ())
            self._backoff = min(self._backoff * 2, LONGEST_BACKOFF)
            self._dispatcher.follow_commands()
        else:
            self._outage.end(back_at)

    def _drain(self) -> None:
        """Return what has not begun and wait for what runs; when stopped, until a deadline only."""
        dispatcher, deadline = self._dispatcher, math.inf
        dispatcher.mode.retiring = True
        dispatcher.return_waiting()
        guarded = False
        while not dispatcher.empty and time.monotonic() < deadline:
            if (dispatcher.mode.draining or dispatcher.only_hooks) and deadline == math.inf:
                deadline = time.monotonic() + self._grace
            if dispatcher.mode.orphaned and not guarded:
                guarded, deadline = True, min(deadline, self._end_with_lease())
            if dispatcher.mode.quitting:
                break
            self._shared.note_turn()
            try:
                dispatcher.turn(deadline - time.monotonic())
            except (Unreachable, Refused):
                self._alarm.sleep(0.2, ())
                self._consumer.close()
                self._blocked.close()
        names = dispatcher.return_running()
        if names:
            logger.warning(
                "Returned %d jobs that still ran%s: %s",
                len(names),
                self._why_now(),
                ", ".join(sorted(set(names))),
            )
        try:
            dispatcher.turn(0) if self._blocked.armed else dispatcher.settle()
            dispatcher.figures.write()
        except (Unreachable, Refused) as error:
            logger.warning("%s; what is active will be recovered when the lease ends", error)

    def _why_now(self) -> str:
        if self._dispatcher.mode.quitting:
            return ""
        if self._dispatcher.mode.orphaned:
            return ", as the supervisor has ended and the lease ends"
        return f" after {self._grace:g} s"

    def _end_with_lease(self) -> float:
        """See to it that this process has ended when the lease ends, which is not renewed now.

        Others run its jobs from then on. Returns the monotonic time until which they may run here.
        """
        end = self._dispatcher.leased_until
        left = end - time.monotonic()
        margin = min(LONGEST_MARGIN, self._lease * MARGIN)
        # Redis may not answer when the jobs are to be returned, which must not take longer either.
        timer = threading.Timer(left - margin / 4, os.killpg, (0, signal.SIGKILL))
        timer.daemon = True
        try:
            timer.start()
        except RuntimeError:
            # The system has no thread to give: the jobs are returned at once, while there is time.
            return time.monotonic()
        return end - margin


def main() -> int:
    """Entry point: ``start.py STATE_FD STACKS_FD REQUESTS_FD BELL_FD SLOTS PROCESS_ID [PRESENCE_FD]``."""
    # A task's print() must not fail because the worker's output is not read.
    streams.prepare(drop_output=True)
    supervisor = os.getppid()
    shared_file, stacks, requests, bell, slots = map(int, sys.argv[1:6])
    process, presence = sys.argv[6], [int(each) for each in sys.argv[7:]]
    keep_from_tasks([stacks, requests, bell, *presence])
    control = os.dup(0)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)  # a task that reads standard input must not take commands
    try:
        config = receive(os.fdopen(os.dup(control), "rb", buffering=0))
    except EOFError as error:
        # It was killed as it started this process, which holds nothing yet.
        sys.stderr.write(f"asok worker: {error}\n")
        return 1
    set_up_logging(config.log_level, config.log_format)
    _load_what_tasks_may_use()
    # Not that of the supervisor: the code may have been replaced since it started.
    release = release_of(config.settings).name
    if add_application_folder(config.app) is None:
        logger.warning("Working directory does not exist: only installed modules can be imported")
    with os.fdopen(shared_file, "r+b") as file:
        shared = SharedState(file, config.concurrency)
    alarm = Alarm(control)
    # Before there is a thread: signals are blocked until then, and threads would inherit that.
    _handle_signals(alarm, stacks)
    asked = socket.socket(fileno=requests)
    threading.Thread(target=pulse, args=(shared, asked), name="asok-pulse", daemon=True).start()
    for descriptor in (control, stacks, requests, bell, *presence):
        forks.after_fork(partial(os.close, descriptor))
    try:
        notify = partial(ring, bell)
        with written_elsewhere():
            imported = import_modules(config.imports, shared, debug=config.debug)
        code = WORN
        if imported:
            code = Process(
                config,
                process,
                shared,
                alarm,
                slots=slots,
                release=release,
                notify_supervisor=notify,
            ).run()
    except BaseException as error:  # noqa: BLE001 - else threads a task has left keep it alive
        end_broken(error, shared)
    shared.note_planned_end()
    end_logging()
    call_within(EXIT_PATIENCE, sys.stdout.flush, None)
    output.flush(EXIT_PATIENCE)
    if os.getppid() != supervisor:
        # It is gone, and nothing else would end the programs that the tasks have started.
        os.killpg(0, signal.SIGKILL)
    # Threads that still run belong to jobs that were returned: nothing may wait for them.
    os._exit(code)


def _load_what_tasks_may_use() -> None:
    # A task that enqueues reads the settings, and values are converted by annotations. Once the
    # application's folder is on the path, a module of its own could be found in place of these.
    import dotenv  # noqa: F401

    load_converter()
    load_decoder()
    read_sources()


def _handle_signals(alarm: Alarm, stacks: int) -> None:
    write_stacks_to(stacks)
    handle(
        {
            **dict.fromkeys(STOP, lambda: alarm.order("drain")),
            signal.SIGQUIT: lambda: alarm.order("quit"),
            signal.SIGUSR2: lambda: None,
        }
    )
    keep_from_forks()
