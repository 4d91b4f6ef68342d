"""A worker, an application and the command line, on a Redis that another program writes to."""

from __future__ import annotations

import re
import threading
import uuid
from collections.abc import Callable
from typing import Any

import redis

from asok_core.backends.redis.keys import Keys
from asok_core.backends.redis.producing.application import RedisBackend
from asok_core.jobs.calls import make_call
from tests.fixtures.command_line import Ran
from tests.fixtures.worker import Desk, RunWorker
from tests.lua_calls import all_calls
from tests.poison.poisons import TASK, Target
from tests.programs import PATIENCE, wait_until
from tests.worker import jobs

KEYS = Keys()
OTHER = "other"
"""A queue of which no key is attacked."""
OPERATION = "20260101-000000-abcdef"
FAULT = re.compile(r"Traceback|internal error|\b[A-Z]\w+Error: ")
"""What a fault of ours looks like in a log or on standard error."""


class Rounds:
    """Counts what a supervisor looks at, by the scripts that Redis is asked to run."""

    DUTIES = ("send_heartbeat", "check_leases", "due")

    def __init__(self, client: redis.Redis, worker: str) -> None:
        self._client = client
        self._worker = worker
        self._connection: Any = client.connection_pool.get_connection()
        self._connection.send_command("MONITOR")
        self._connection.read_response()
        calls = all_calls()
        self._marks = {calls[name].script().sha.encode(): name for name in self.DUTIES}
        self._seen: set[str] = set()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        try:
            while True:
                line = self._connection.read_response(disable_decoding=True)[:300]
                if b"ECHO" in line:
                    self._seen = {line.rpartition(b' "')[2].strip(b'"').decode()}
                self._seen |= {name for mark, name in self._marks.items() if mark in line}
        except (redis.RedisError, OSError, ValueError, TypeError):
            return

    def wait(self) -> None:
        """Wait until the supervisor has done each of its duties once from now on."""
        mark = uuid.uuid4().hex
        self._client.echo(mark)
        self._client.publish(KEYS.wake, f"order {self._worker}")
        self._client.publish(KEYS.wake, "due 0")
        wait_until(lambda: self._seen >= {mark, *self.DUTIES}, "a round of the supervisor")

    def close(self) -> None:
        """Stop counting."""
        self._connection.disconnect()


class PoisonStage:
    """What is attacked: a worker runs a job, and an application waits for that."""

    def __init__(self, desk: Desk, run_worker: RunWorker, run: Callable[..., Ran]) -> None:
        self.desk = desk
        self._asok = run
        self.worker = run_worker(
            "--concurrency", "2", ASOK_WORKER_QUEUES=f"default,{OTHER}", ASOK_WORKER_LEASE="5"
        )
        self.application = RedisBackend(desk.settings)
        self.future = self.application.enqueue(make_call(jobs.hold, "door"))
        assert not self.future.done()
        desk.wait_for_lines("begin door")
        (name,) = desk.client.zrange(KEYS.workers, 0, -1)
        (machine,) = desk.client.scan_iter(KEYS.machine("*"))
        self.target = Target(
            worker=name.decode(),
            running=self.future.job_id,
            queue="default",
            operation=OPERATION,
            machine=machine.decode().removeprefix(KEYS.machine("")),
        )
        self.rounds = Rounds(desk.client, self.target.worker)
        (self._child,) = self.worker.processes()
        self._words = 0

    def lives(self) -> None:
        """No process of the worker has ended, and none reports a fault."""
        assert self.worker.process.poll() is None, self.worker.log
        assert self.worker.processes() == [self._child], self.worker.log
        assert not FAULT.search(self.worker.log), self.worker.log

    def works(self) -> None:
        """A job of another queue is enqueued and runs, and its result arrives."""
        self._words += 1
        word = f"job {self._words}"
        future = self.application.enqueue(make_call(jobs.give, word, _queue=OTHER))
        assert future.result(PATIENCE) == word

    def commands(self, label: str) -> None:
        """No command has a fault of its own."""
        for words in (
            ("worker", "status"),
            ("worker", "status", "--json"),
            ("job", "show", self.target.running),
            ("job", "show", "poisoned", "--json"),
            ("job", "list", "--state", "running"),
            ("job", "list", "--state", "delayed", "--json"),
            ("job", "list", "--state", "pending"),
            ("job", "list", "--state", "recent"),
            ("dlq", "list", "--json"),
            ("dlq", "groups"),
            ("queue", "list"),
            ("queue", "history", "default", "--since", "14d"),
            ("task", "list"),
            ("task", "list", "--last", "14d", "--json"),
            ("task", "show", TASK),
            ("trash", "list"),
            ("audit",),
            ("events", "--limit", "1000"),
            ("events", "--json"),
        ):
            ran = self._asok(*words)
            assert ran.code in (0, 1), (label, words, ran)
            assert not FAULT.search(ran.err), (label, words, ran)

    def close(self) -> None:
        """End everything but the worker."""
        self.rounds.close()
        self.desk.release("door")
        self.application.shutdown(wait=True, timeout=None)
