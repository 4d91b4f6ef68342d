"""A story with each of its commands cut in each way: what a test of a crash point runs."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from asok_console.demo.embedded import EmbeddedRedis
from asok_core.backends.redis.connection import Endpoint
from asok_core.backends.redis.consuming.consumer import Consumer
from asok_core.backends.redis.consuming.outcomes import Outcome
from asok_core.backends.redis.keys import Keys
from asok_core.backends.redis.producing.producer import RedisProducer
from asok_core.errors import Unreachable
from asok_core.jobs.envelope import peek
from asok_core.jobs.job import Job
from asok_core.jobs.keyring import Keyring
from asok_core.settings.settings import Settings
from tests.conftest import SECRET_KEY
from tests.model.cutter import Cut, Cutter

KEYRING = Keyring(SECRET_KEY.encode())


ran: Counter[str] = Counter()


def work(word: str) -> str:
    ran[word] += 1
    return word


def fail(word: str) -> None:
    ran[word] += 1
    raise ValueError(word)


@dataclass
class CrashBench:
    """A Redis, reached directly by ``client`` and through the proxy by ``url``."""

    server: EmbeddedRedis
    client: Any
    folder: Path

    def settings(self, url: str) -> Settings:
        return Settings.load(
            {"ASOK_QUEUE_BACKEND": "redis", "ASOK_REDIS_URL": url, "SECRET_KEY": SECRET_KEY}
        )

    @contextmanager
    def cutter(self, at: int | None, cut: Cut) -> Iterator[Cutter]:
        path = Path(tempfile.mkdtemp(dir=self.folder)) / "s"
        with Cutter(path, self.server.socket, at, cut) as cutter:
            yield cutter

    def enqueue(self, *jobs: Job) -> None:
        producer = RedisProducer(self.settings(self.server.url))
        producer.enqueue(jobs)
        producer.close()

    def jobs(self, count: int, function: str = "work", **options: Any) -> list[Job]:
        return [
            Job(f"{function}-{n}", __name__, function, (f"{function}-{n}",), **options)
            for n in range(count)
        ]

    def locations(self) -> dict[str, list[str]]:
        """Every job by location."""
        found: dict[str, list[str]] = {}
        for key in self.client.keys("asok:*"):
            name = key.decode()
            kind = name.split(":")[1]
            if kind in ("queue", "active", "dlq", "trash") and not name.endswith(":at"):
                raws = self.client.lrange(key, 0, -1)
                found.setdefault(kind, []).extend(peek(raw).id for raw in reversed(raws))
        delayed = [peek(raw).id for raw in self.client.zrange("asok:delayed_tasks", 0, -1)]
        if delayed:
            found["delayed"] = delayed
        return found

    def counters(self) -> dict[str, int]:
        counted: Counter[str] = Counter()
        for key in self.client.scan_iter(match="asok:stats:*:m*"):
            for name, value in self.client.hgetall(key).items():
                counted[name.decode()] += int(value)
        names = ("enqueued", "completed", "failed", "retried", "dead", "outcomes_dropped")
        return {name: counted[name] for name in names if counted[name]}

    def notices(self, queue: str = "default") -> list[str]:
        """Notices of failures: how often each was taken, whether a retry follows, and its job."""
        found = self.client.zrange(f"asok:notices:{queue}", 0, -1)
        parts = [notice.split(b" ", 2) for notice in found]
        return [f"{int(times)} {int(retry)} {peek(text).id}" for times, retry, text in parts]

    def status(self, job: Job) -> str:
        return str((self.client.hget(f"asok:job:{job.id}", "status") or b"").decode())


Story = Callable[[Cutter], None]


def reported_with_every_cut(bench: CrashBench, prepare: Callable[[], None], story: Story) -> None:
    """Run a story with each of its commands cut in each way; it asserts its own end."""
    bench.client.flushall()
    prepare()
    with bench.cutter(None, Cut.REQUEST_LOST) as cutter:
        story(cutter)
        commands = list(cutter.commands)
    assert commands
    for at in range(len(commands)):
        for cut in Cut:
            bench.client.flushall()
            prepare()
            try:
                with bench.cutter(at, cut) as cutter:
                    story(cutter)
            except AssertionError as error:
                raise AssertionError(f"{cut} at {commands[at]}, {at} of {commands}") from error


def until_done(act: Callable[[], object], cutter: Cutter) -> None:
    """Do it again as often as the connection is cut, as a supervisor or an operator does."""
    for _ in range(3):
        try:
            act()
        except Unreachable:
            continue
        break
    else:
        raise AssertionError("it did not come through at the third time")
    cutter.deliver()


def settle(cutter: Cutter, process: str, outcome: Outcome) -> None:
    """Settle an attempt of a process of the worker ``w``, which claims nothing more."""
    consumer = Consumer(
        Endpoint(cutter.url),
        Keys(),
        worker="w",
        process=process,
        queues=["default"],
        dlq_max=100,
    )
    until_done(lambda: consumer.cycle([outcome], (), 0), cutter)
    consumer.close()
