"""Failures that were settled where the application's hooks are not: they are called for them here.

The supervisor settles jobs whose processes died or ran past a hard limit, and it never imports the
application. Nor may a process have imported it that rejects a job. What settles such a failure leaves
a *notice* in Redis in the same step (``failure_notices.lua``). A process takes notices, calls the hooks
for them and then removes them: each is called at least once, also if a process dies meanwhile.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Sequence
from contextvars import Context

from asok_core import errors
from asok_core.backends.redis.calls.producing import TakeFailure
from asok_core.backends.redis.connection import Connection, Endpoint
from asok_core.backends.redis.keys import Keys
from asok_core.errors import AsokError, EnvelopeError, JobFailed
from asok_core.execution import hooks
from asok_core.execution.context import restored
from asok_core.execution.task_modules import ANY_TASK, TaskModules
from asok_core.execution.tasks import resolve
from asok_core.jobs.envelope import Payload, Trust, peek
from asok_core.jobs.job import Job
from asok_core.jobs.keyring import Keyring
from asok_core.jobs.numbers import count, number
from asok_core.runtime.logs import safe_logger
from asok_core.worker.shared_state import SharedState

logger = safe_logger("asok.worker")

LEASE = 10.0
"""Seconds after which another process takes a notice that was taken and is not done."""
PAUSE = 1.0
"""Seconds between two looks for notices, as long as there are any."""
UNREADABLE = Job("", "", "")
"""Stands for the job of an envelope that cannot be read."""
MOST_TIMES = 3
"""How often hooks are called for a notice without coming to their end: their process may die of it."""


class FailureNotices:
    """Takes notices in a thread of its own, which ends when there are none that it can take now.

    ``start_if_due`` costs nothing while there is nothing to do. The thread uses a connection of its own,
    named after the process, so that it is cut when that is known to be dead.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        keys: Keys,
        keyring: Keyring,
        *,
        process: str,
        queues: Sequence[str],
        shared: SharedState,
        allowed: TaskModules = ANY_TASK,
    ) -> None:
        self._endpoint = endpoint
        self._allowed = allowed
        self._keys = keys
        self._keyring = keyring
        self._process = process
        self._queues = queues
        self._shared = shared
        self._thread: threading.Thread | None = None
        self._due_at = math.inf
        self._not_before = 0.0
        self._again = False

    def exist(self) -> None:
        """Redis has notices."""
        self._again = True
        self._due_at = min(self._due_at, self._not_before)
        self.start_if_due()

    def start_if_due(self) -> None:
        """Start the thread that takes notices, if it is time to."""
        if time.monotonic() < self._due_at:
            return
        if self._thread is None or not self._thread.is_alive():
            self._due_at = math.inf
            thread = threading.Thread(target=self._run, name="asok-notices", daemon=True)
            try:
                thread.start()
            except RuntimeError as error:
                # The system has no thread to give now: no reason to end the process.
                logger.warning("Failure hooks are called later: %s", error)
                self._due_at = time.monotonic() + LEASE
            else:
                self._thread = thread

    def _run(self) -> None:
        wait = LEASE
        self._again = False
        try:
            connection = self._endpoint.connect(name=f"asok:{self._process}:notices")
            try:
                wait = min(self._take_all(connection, queue) for queue in self._queues)
            finally:
                connection.close()
        except AsokError as error:
            logger.warning("Failure hooks are called later: %s", error)
        finally:
            self._not_before = time.monotonic() + PAUSE
            self._due_at = time.monotonic() + (PAUSE if self._again else max(wait, PAUSE))

    def _take_all(self, connection: Connection, queue: str) -> float:
        """Call hooks for what can be taken of a queue. Returns seconds until there may be more."""
        done: tuple[bytes, ...] = ()
        left: tuple[bytes, ...] = ()
        while True:
            # One at a time: hooks may take long, and the lease begins when it is taken.
            notice, wait = connection.run(
                TakeFailure(ns=self._keys.namespace, queue=queue, lease=LEASE, done=done, left=left)
            )
            if not notice:
                found = number(wait)
                return math.inf if found is None else found
            self._shared.call_hooks(self._shared.threads)
            finished = self._call_hooks(notice)
            self._shared.end(self._shared.threads)
            done, left = ((notice,), ()) if finished else ((), (notice,))

    def _call_hooks(self, notice: bytes) -> bool:
        """Whether a notice is done. It is not while no hook is registered in this process."""
        times, retry, dead_job = notice.split(b" ", 2)
        payload = peek(dead_job, self._keyring)
        job = payload.job or UNREADABLE
        signed = payload.trust is Trust.SIGNED
        if count(times) > MOST_TIMES:
            logger.error(
                "Failure hooks given up: called %d times and never finished",
                MOST_TIMES,
                extra={"job_id": job.id, "task": job.task, "queue": job.queue},
            )
            return True
        if signed and not hooks.has_failure():
            # What registers them is mostly imported with the task.
            self._import(job)
        if not hooks.has_failure():
            return False
        Context().run(_call, payload, will_retry=retry == b"1", signed=signed)
        return True

    def _import(self, job: Job) -> None:
        try:
            resolve(job.module, job.function, self._allowed)
        except BaseException as error:  # noqa: BLE001 - the application's own code
            logger.debug("Task of a failed job not imported: %s", type(error).__name__)


def _call(payload: Payload, *, will_retry: bool, signed: bool) -> None:
    job = payload.job or UNREADABLE
    try:
        request = restored(job.request if signed else None)
    except BaseException as error:  # noqa: BLE001 - a load hook is the application's own code
        logger.debug("Request of a failed job not restored: %s", type(error).__name__)
        request = restored(None)
    with request:
        hooks.call_failure(job, _error_of(payload, signed=signed), will_retry)


def _error_of(payload: Payload, *, signed: bool) -> Exception:
    """The exception that a dead job names. Of what is not signed, only that is believed."""
    name, _, text = (payload.error or "").partition(": ")
    kinds: dict[str, type[Exception]] = {
        each.__name__: each
        for each in (errors.WorkerCrashed, errors.TaskNotFound, TimeoutError)
        if signed
    }
    kinds |= {each.__name__: each for each in EnvelopeError.__subclasses__()}
    if name in kinds:
        return kinds[name](text)
    return JobFailed(payload.error or "") if signed else EnvelopeError("the job is not signed")
