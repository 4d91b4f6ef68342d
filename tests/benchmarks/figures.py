"""``python -m tests.benchmarks.figures``: what figures by task cost Redis, and the first reading of many.

It fills the histories of 100 tasks (25 hours by the minute, 15 days by the hour: what is kept at most),
each with an attempt a second, on every Redis of this machine, and prints their memory and whether it is at
most 10 MB. Then 500 tasks, and the time of the first reading of each range by a new reader, in the steps
of the console.
"""

from __future__ import annotations

import random
import sys
import time
from typing import Any, NamedTuple

import redis

from asok_console.demo.embedded import EmbeddedRedis
from asok_console.tui.views.tasks import PATIENCE
from asok_core.backends.redis.keys import Keys
from asok_core.backends.redis.packed_figures import pack
from asok_core.clock import DAY, HOUR, MINUTE
from asok_core.inspection.histograms import histogram_of
from asok_core.inspection.task_figures import RANGES
from asok_core.operations.inspector import open_reader
from asok_core.settings.settings import Settings
from tests.backends.redis.dense_figures import MAKE_DENSE
from tests.servers import every_server, name_of

KEYS = Keys()
TASKS, MANY = 100, 500
HOURS, DAYS = 25, 15
"""Blocks that are kept: 25 hours of minutes, 15 days of hours."""
PATTERNS = 60
"""Different entries that are made beforehand and chosen from at random."""
MOST = 10_000_000
"""Bytes that the figures of 100 tasks may take."""
DENSE_TRAILER = 2

SPREADS = {"alike": (0.3, 0.5), "spread widely": (0.8, 1.2)}
"""Standard deviations of the logarithms of run times and waits."""


def entries(attempts: int, run: float, wait: float) -> list[bytes]:
    """Packed figures of that many attempts: run times around 50 ms and waits around 20 ms."""
    chance = random.Random(attempts)
    found = []
    for _ in range(PATTERNS):
        runs = [int(chance.lognormvariate(10.8, run)) for _ in range(attempts)]
        waits = [int(chance.lognormvariate(9.9, wait)) for _ in range(attempts)]
        failed = sum(chance.random() < 0.02 for _ in range(attempts))
        counts = (attempts, attempts - failed, failed, failed, 0, sum(runs), attempts * 700)
        found.append(pack(counts, histogram_of(runs), histogram_of(waits)))
    return found


class Entries(NamedTuple):
    """Entries of a block as ``count_tasks.lua`` leaves them: the last one, and those before it."""

    packed: list[bytes]
    dense: list[bytes]


def made(client: Any, packed: list[bytes]) -> Entries:
    """These figures as entries."""
    dense = [each[:-DENSE_TRAILER] for each in client.eval(MAKE_DENSE, 0, *packed)]
    return Entries(packed, dense)


def block(some: Entries, buckets: int) -> bytes:
    """A block of that many entries."""
    complete = [
        each + (0x8000 | bucket << 9 | len(each)).to_bytes(DENSE_TRAILER, "big")
        for bucket, each in enumerate(random.choices(some.dense, k=buckets - 1))
    ]
    last = random.choice(some.packed)
    return b"".join((*complete, last, bytes([buckets - 1]), len(last).to_bytes(2, "big")))


def fill(client: Any, tasks: int, spread: tuple[float, float]) -> None:
    """Write all that is kept of that many tasks."""
    now = int(client.time()[0])
    minutes, hours = (made(client, entries(attempts, *spread)) for attempts in (60, 3600))
    for number in range(tasks):
        name = f"shop.part_{number % 10}.task_{number:03}"
        pipe = client.pipeline(transaction=False)
        for ago in range(HOURS):
            start = (now // HOUR - ago) * HOUR
            last = (now - start) // MINUTE + 1 if not ago else 60
            pipe.set(KEYS.task_minutes(name, start), block(minutes, last), ex=90_000)
        for ago in range(DAYS):
            start = (now // DAY - ago) * DAY
            last = (now - start) // HOUR + 1 if not ago else 24
            pipe.set(KEYS.task_hours(name, start), block(hours, last), ex=1_296_000)
            pipe.zadd(KEYS.tasks(start), {name: 86_400})
            pipe.expire(KEYS.tasks(start), 1_296_000)
        pipe.execute()


def used(client: Any) -> int:
    """Bytes that the server has allocated."""
    return int(client.info("memory")["used_memory"])


def main() -> None:
    """Measure and print."""
    for binary in every_server():
        with EmbeddedRedis(binary=binary) as server:
            client = redis.Redis.from_url(server.url)
            sys.stdout.write(f"Redis {name_of(binary)}\n")
            for name, spread in SPREADS.items():
                memory = memory_of(client, spread)
                verdict = "met" if memory <= MOST else "missed"
                sys.stdout.write(
                    f"{TASKS} tasks, an attempt a second each, times {name}: "
                    f"{memory / 1e6:.1f} MB (at most {MOST / 1e6:.0f} MB: {verdict})\n"
                )
    with EmbeddedRedis() as server:
        fill(redis.Redis.from_url(server.url), MANY, SPREADS["alike"])
        for name in RANGES:
            read(server.url, name)


def memory_of(client: Any, spread: tuple[float, float]) -> int:
    """Bytes that all figures of 100 tasks take."""
    client.flushall()
    before = used(client)
    fill(client, TASKS, spread)
    return used(client) - before


def read(url: str, name: str) -> None:
    """Read a range for the first time and print how long it takes."""
    reader = open_reader(Settings.load(environ_of(url)))
    reader.snapshot()
    began, spent = time.perf_counter(), time.process_time()
    table = reader.tasks(RANGES[name], patience=PATIENCE)
    shown, some = time.perf_counter() - began, len(table.rows)
    while table.unread:
        table = reader.tasks(RANGES[name], patience=PATIENCE)
    first, spent = time.perf_counter() - began, time.process_time() - spent
    began = time.perf_counter()
    reader.tasks(RANGES[name])
    again = time.perf_counter() - began
    reader.close()
    sys.stdout.write(
        f"{len(table.rows)} tasks, {name}: the first {some} after {shown:.2f} s, "
        f"all after {first:.2f} s ({spent:.2f} s of CPU), then {again * 1000:.0f} ms\n"
    )


def environ_of(url: str) -> dict[str, str]:
    """Settings of a reader of that Redis."""
    return {"ASOK_QUEUE_BACKEND": "redis", "ASOK_REDIS_URL": url}


if __name__ == "__main__":
    main()
