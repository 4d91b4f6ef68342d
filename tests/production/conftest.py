"""What tests of a Redis in production share: the servers there are, and an application with a worker."""

from __future__ import annotations

import subprocess
import sys
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import redis

from asok_console.demo.embedded import (
    EmbeddedRedis,
)
from asok_core.backends.redis.producing.producer import RedisProducer
from asok_core.jobs.job import Job, new_id
from asok_core.settings.settings import Settings
from tests.conftest import SECRET_KEY
from tests.production.sentinels import Trio
from tests.programs import FAMILY, PATIENCE, environment, kill_family, run_program, wait_until

APP = Path(__file__).parents[1] / "e2e" / "app"


@pytest.fixture
def server(embedded_redis: Callable[..., EmbeddedRedis], binary: Path) -> EmbeddedRedis:
    """A server of the release that the tests of a module run on."""
    return embedded_redis(binary=binary, port=0)


@pytest.fixture
def root(server: EmbeddedRedis, admin: Callable[[EmbeddedRedis], redis.Redis]) -> redis.Redis:
    """A client that may do everything."""
    return admin(server)


@dataclass
class DeployedApplication:
    """An application with a worker, at one URL. ``journal`` shows which of its jobs ran."""

    url: str
    folder: Path
    extra: dict[str, str] = field(default_factory=dict)

    @property
    def settings(self) -> Settings:
        return Settings.load(self._variables)

    @property
    def env(self) -> dict[str, str]:
        return environment(self._variables | {"JOURNAL": str(self.journal)}, APP)

    @property
    def _variables(self) -> dict[str, str]:
        base = {"ASOK_QUEUE_BACKEND": "redis", "ASOK_REDIS_URL": self.url, "SECRET_KEY": SECRET_KEY}
        return base | self.extra

    @property
    def journal(self) -> Path:
        return self.folder / "journal"

    @property
    def log(self) -> Path:
        return self.folder / "worker.log"

    def enqueue(self, count: int, task: str = "steady") -> list[str]:
        """Enqueue jobs of ``chores``; their ids."""
        first = len(self.ids)
        jobs = [
            Job(new_id(), "chores", task, args=(number,), retries=1, backoff=1)
            for number in range(first, first + count)
        ]
        producer = RedisProducer(self.settings)
        try:
            assert all(producer.enqueue(jobs))
        finally:
            producer.close()
        self.ids += [job.id for job in jobs]
        return [job.id for job in jobs]

    ids: list[str] = field(default_factory=list)

    def ran(self) -> Counter[str]:
        """How often each job ran to its end."""
        return Counter(self.journal.read_text().split() if self.journal.exists() else ())

    def reported(self) -> str:
        """What the worker has said so far."""
        return self.log.read_text()

    @contextmanager
    def worker(self, *options: str) -> Iterator[subprocess.Popen[bytes]]:
        """A worker that is stopped at the end, and must then end by itself."""
        with self.log.open("ab") as log:
            name = uuid.uuid4().hex
            program = subprocess.Popen(
                [sys.executable, "-m", "asok_console", "worker", *options],
                env={**self.env, FAMILY: name},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            yield program
            program.terminate()
            assert program.wait(PATIENCE) == 0
        finally:
            kill_family(name)
            program.wait()

    def run_all(self, count: int = 30) -> None:
        """Enqueue and have a worker run everything; the records say so in the end."""
        ids = self.enqueue(count)
        with self.worker("-c", "2"):
            self.wait_for_all()
        self.assert_completed(ids)

    def wait_for_all(self) -> None:
        """Wait until each job has run."""
        wait_until(lambda: len(self.ran()) == len(self.ids), "the last job")

    def assert_completed(self, ids: list[str]) -> None:
        """What each job's record says."""
        producer = RedisProducer(self.settings)
        try:
            records = [producer.record(job_id) for job_id in ids]
        finally:
            producer.close()
        assert {record.status for record in records if record} == {"completed"}
        assert None not in records

    def asok(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a command of ours."""
        return run_program(sys.executable, "-m", "asok_console", *words, env=self.env)


@pytest.fixture
def application(tmp_path: Path) -> Callable[..., DeployedApplication]:
    """Make an application for a URL, with more settings by name."""

    def make(url: str, **extra: str) -> DeployedApplication:
        return DeployedApplication(url, tmp_path, extra)

    return make


@pytest.fixture
def admin() -> Iterator[Callable[[EmbeddedRedis], redis.Redis]]:
    """Make a client that may do everything, by the server's socket."""
    clients: list[redis.Redis] = []

    def make(server: EmbeddedRedis) -> redis.Redis:
        clients.append(redis.Redis.from_url(server.url))
        return clients[-1]

    yield make
    for client in clients:
        client.close()


@pytest.fixture
def trio(embedded_redis: Callable[..., EmbeddedRedis], binary: Path) -> Iterator[Trio]:
    made = Trio(embedded_redis, binary)
    yield made
    made.close()
