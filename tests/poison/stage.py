"""A worker, an application and the command line, on a Redis that another program writes to."""

from __future__ import annotations

import re
import threading
import uuid
from collections.abc import Callable, Iterable
from fnmatch import fnmatchcase
from functools import partial
from itertools import takewhile
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
COMMANDS = (
    ("worker", "status"),
    ("worker", "status", "--json"),
    ("job", "show", "RUNNING"),
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
)
"""Commands that read; RUNNING is the id of the job that runs."""
NAMED = re.compile(rb'"(asok:(?:[^"\\]|\\.)*)"')
"""A key, or a pattern of keys, in a line of MONITOR."""
VARIABLE = re.compile(rb"\b[0-9a-f]{8,}\b|\d+")
"""Ids and times in the name of a key: they may be others when a command runs again."""


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


_keys_read: dict[tuple[str, ...], frozenset[str]] = {}
"""Of each command; which key is attacked later does not matter, so that one stage finds them for all."""


def plain(key: bytes) -> str:
    """The name of a key without ids and times, which may be others when a command runs again."""
    return VARIABLE.sub(b"#", key).decode("latin-1")


def keys_read(client: redis.Redis, run: Callable[[], object]) -> frozenset[str]:
    """Names and patterns of the keys that a command reads, its scripts too; the worker may add some."""
    others = {each["addr"].encode() for each in client.client_list()}
    end = uuid.uuid4().hex.encode()
    with client.monitor() as monitor:
        run()
        client.echo(end)
        lines = takewhile(
            lambda line: end not in line, iter(monitor.connection.read_response, None)
        )
        own = [line for line in lines if line.partition(b"[0 ")[2].partition(b"]")[0] not in others]
    return frozenset(plain(key) for line in own for key in NAMED.findall(line))


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
        for words in COMMANDS:
            if words not in _keys_read:
                _keys_read[words] = keys_read(desk.client, partial(self._run, words))
                assert _keys_read[words], f"{words} reads no key"

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

    def commands(self, label: str, changed: Iterable[bytes]) -> None:
        """No command that reads a changed key has a fault of its own. The others read what they did."""
        names = {plain(key) for key in changed}
        for words in COMMANDS:
            read = _keys_read[words]
            if any(fnmatchcase(name, each) for name in names for each in read):
                ran = self._run(words)
                assert ran.code in (0, 1), (label, words, ran)
                assert not FAULT.search(ran.err), (label, words, ran)

    def _run(self, words: tuple[str, ...]) -> Ran:
        return self._asok(*(self.target.running if word == "RUNNING" else word for word in words))

    def close(self) -> None:
        """End everything but the worker."""
        self.rounds.close()
        self.desk.release("door")
        self.application.shutdown(wait=True, timeout=None)
