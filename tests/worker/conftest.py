"""Real workers as subprocesses, and a desk from which a test hands them jobs and looks after those."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import pytest
import redis

from asok_console.demo.embedded import EmbeddedRedis
from asok_core.backends.redis.keys import Keys
from asok_core.backends.redis.producing.producer import RedisProducer
from asok_core.jobs.envelope import Keyring, Payload, peek
from asok_core.jobs.job import Job, JobRecord, new_id
from asok_core.settings.settings import Settings
from tests.conftest import SECRET_KEY
from tests.programs import FAMILY, PATIENCE, environment, kill_family, wait_until

KEYRING = Keyring(SECRET_KEY.encode())
TASKS = "tests.worker.jobs"
MEASURED = "COVERAGE_PROCESS_CONFIG" in os.environ
"""Whether `make coverage` runs the tests."""


class Worker:
    """A worker: two processes at least, a supervisor and its children."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path, name: str) -> None:
        self.process = process
        self.name = name
        """Of its family: see ``tests.programs``."""
        self._log = log

    @property
    def log(self) -> str:
        """What it has written so far."""
        return self._log.read_text(errors="replace")

    def says(self, words: str, times: int = 1) -> None:
        """Wait until the log holds ``words``, so many times."""
        wait_until(
            lambda: self.log.count(words) >= times, lambda: f"{words!r} in the log:\n{self.log}"
        )

    def children(self) -> list[int]:
        """Process ids of its children that live."""
        pid = self.process.pid
        try:
            found = Path(f"/proc/{pid}/task/{pid}/children").read_text()
        except (FileNotFoundError, ProcessLookupError):
            return []
        return [int(each) for each in found.split()]

    def child(self) -> int:
        """Process id of its only child, once that has begun to work."""
        wait_until(self.children, "a child")
        (child,) = self.children()
        return child

    def first_child(self) -> int:
        """Process id of its oldest child, once there is one; a younger one may stand by."""
        wait_until(self.children, "a child")
        return self.children()[0]

    def signal(self, number: signal.Signals, *, to_all: bool = False) -> None:
        """Signal the supervisor, or it and all its children at once."""
        for pid in self.children() if to_all else ():
            os.kill(pid, number)
        self.process.send_signal(number)

    def ends(self, seconds: float = PATIENCE) -> int:
        """Wait for its end: the exit code."""
        return self.process.wait(timeout=seconds)

    def stop(self) -> int:
        """SIGTERM, and wait for its end."""
        self.signal(signal.SIGTERM)
        return self.ends()

    def quit(self) -> None:
        """Have it stop at once, if it can; what ends by itself writes which of its lines have run."""
        if self.process.poll() is None:
            self.signal(signal.SIGQUIT)
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(timeout=10)

    def kill(self) -> None:
        """End it and its children at once."""
        kill_family(self.name)
        self.process.wait()


@dataclass
class Desk:
    """Where a test enqueues jobs and sees what became of them."""

    settings: Settings
    client: Any
    producer: RedisProducer
    folder: Path
    keys: Keys = field(default_factory=Keys)

    def job(self, function: str, *args: Any, **options: Any) -> Job:
        """A job of one of the tests' tasks; ``options`` are fields of Job."""
        module = options.pop("module", TASKS)
        return Job(new_id(), module, function, args, **options)

    def enqueue(self, function: str, *args: Any, **options: Any) -> Job:
        """Enqueue a job."""
        job = self.job(function, *args, **options)
        assert self.producer.enqueue([job]) == [True]
        return job

    def record(self, job: Job) -> JobRecord:
        """The record of a job."""
        record = self.producer.record(job.id)
        assert record is not None
        return record

    def reaches(self, job: Job, status: str) -> JobRecord:
        """Wait until the record of a job says ``status``."""

        def there() -> bool:
            record = self.producer.record(job.id)
            return record is not None and record.status == status

        wait_until(there, f"{status} of {job.task}")
        return self.record(job)

    def pending(self, queue: str = "default") -> list[Payload]:
        """What waits in a queue, in the order in which it will be claimed."""
        return [peek(raw, KEYRING) for raw in reversed(self._list(self.keys.queue(queue)))]

    def dead(self) -> list[Payload]:
        """Dead letters, newest first."""
        return [peek(raw, KEYRING) for raw in self._list(self.keys.dead)]

    def delayed(self) -> list[tuple[bytes, float]]:
        """Delayed envelopes with their due times."""
        found: list[tuple[bytes, float]] = self.client.zrange(
            self.keys.delayed, 0, -1, withscores=True
        )
        return found

    def active(self) -> list[bytes]:
        """Everything that any worker holds."""
        return [
            raw for key in self.client.scan_iter(match="asok:active:*") for raw in self._list(key)
        ]

    def counted(self, field: str, queue: str = "default") -> int:
        """A counter of a queue over the last day."""
        names = self.client.scan_iter(match=f"asok:stats:{queue}:m*")
        return sum(int(self.client.hget(name, field) or 0) for name in names)

    def journal(self) -> list[str]:
        """What the tasks have told so far."""
        try:
            return (self.folder / "journal").read_text().splitlines()
        except FileNotFoundError:
            return []

    def hears(self, *lines: str) -> None:
        """Wait until each of ``lines`` is in the journal, as often as it is given."""
        wait_until(
            lambda: all(self.journal().count(line) >= lines.count(line) for line in lines),
            lambda: f"{lines} in the journal: {self.journal()}",
        )

    def let(self, word: str) -> None:
        """Let the task ``hold(word)`` end."""
        (self.folder / word).touch()

    def idle(self, workers: int = 1, held: int = 0) -> None:
        """Wait until so many processes wait for jobs, and only ``held`` jobs are in their hands."""

        def waiting() -> bool:
            clients: list[dict[str, str]] = self.client.client_list()
            blocked = {
                each["name"] for each in clients if each["cmd"] == "blmove" and "b" in each["flags"]
            }
            return len(blocked) >= workers and len(self.active()) == held

        wait_until(waiting, "an idle worker")

    def _list(self, key: str | bytes) -> list[bytes]:
        found: list[bytes] = self.client.lrange(key, 0, -1)
        return found


class RunWorker(Protocol):
    """Starts a worker on the test's Redis; ``environment`` are settings for it alone."""

    def __call__(self, *options: str, cwd: object = None, **environment: object) -> Worker: ...


class RunThrough(Protocol):
    """Starts a worker by a program, with arguments, that executes it in its own place."""

    def __call__(self, program: Sequence[str], *options: str) -> Worker: ...


@pytest.fixture
def desk(
    make_settings: Callable[..., Settings], redis_client: redis.Redis, tmp_path: Path
) -> Iterator[Desk]:
    settings = make_settings()
    producer = RedisProducer(settings)
    yield Desk(settings, redis_client, producer, tmp_path)
    producer.close()


@pytest.fixture
def server(embedded_redis: Callable[..., EmbeddedRedis]) -> EmbeddedRedis:
    """A Redis of the test's own that keeps its data over a restart."""
    return embedded_redis("--appendonly", "yes", "--appendfsync", "always")


@pytest.fixture
def own_desk(server: EmbeddedRedis, tmp_path: Path) -> Desk:
    """A desk on that server."""
    settings = Settings.load(
        {"ASOK_QUEUE_BACKEND": "redis", "ASOK_REDIS_URL": server.url, "SECRET_KEY": SECRET_KEY}
    )
    client = redis.Redis.from_url(server.url)
    return Desk(settings, client, RedisProducer(settings), tmp_path)


@dataclass
class Starter:
    """Starts workers; those that still live at the end of the test are killed with all they started."""

    redis_url: str
    folder: Path
    workers: list[Worker] = field(default_factory=list)

    def start(
        self,
        program: Sequence[str],
        options: Sequence[str],
        settings: Mapping[str, object],
        cwd: object = None,
    ) -> Worker:
        log = self.folder / f"worker-{len(self.workers)}.log"
        name = uuid.uuid4().hex
        given = {
            FAMILY: name,
            "ASOK_QUEUE_BACKEND": "redis",
            "ASOK_REDIS_URL": self.redis_url,
            "SECRET_KEY": SECRET_KEY,
            "ASOK_TEST_FOLDER": str(self.folder),
        } | {name: str(value) for name, value in settings.items()}
        with log.open("wb") as file:
            process = subprocess.Popen(
                [*program, sys.executable, "-m", "asok_console", "worker", *options],
                env=environment({name: value for name, value in given.items() if value != ""}),
                cwd=None if cwd is None else str(cwd),
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.workers.append(Worker(process, log, name))
        return self.workers[-1]


@pytest.fixture
def starter(redis_url: str, tmp_path: Path) -> Iterator[Starter]:
    made = Starter(redis_url, tmp_path)
    yield made
    for worker in made.workers if MEASURED else ():
        worker.quit()
    for worker in made.workers:
        worker.kill()


@pytest.fixture
def run_worker(starter: Starter) -> RunWorker:
    return lambda *options, cwd=None, **settings: starter.start((), options, settings, cwd)


@pytest.fixture
def run_through(starter: Starter) -> RunThrough:
    return lambda program, *options: starter.start(program, options, {})


def foreign_envelope(job: Job, **changes: Any) -> bytes:
    """An envelope with exactly the keys that the framework writes."""
    fields = {
        "id": job.id,
        "module": job.module,
        "function": job.function,
        "args": list(job.args),
        "kwargs": dict(job.kwargs),
        "queue": job.queue,
        "retries": job.retries,
        "retry_count": job.retry_count,
        "backoff": job.backoff,
    } | changes
    text = json.dumps({k: v for k, v in fields.items() if v is not ...}, sort_keys=True)
    return json.dumps({"v": 1, "job": text, "sig": KEYRING.sign(text, 1)}).encode()
