"""What the console costs beside much data: ``make bench-console`` (``--scale 0.01`` for a quick look).

Seeds a million pending jobs, 100,000 delayed, 100,000 dead letters, 200 queues and 50 workers, then
measures readings, key presses and rest on the real console.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import time
from collections.abc import Callable, Sequence

import redis

from asok_console.demo.embedded import EmbeddedRedis
from asok_core.config import Settings
from asok_core.inspector import open_operator, open_reader
from asok_core.states import Place
from asok_core.wire import seal
from tests.conftest import SECRET_KEY
from tests.tui import seed
from tests.tui.seed import KEYS

READINGS = 60
PRESSES = 60
REST = 20.0


def fill(client: redis.Redis, scale: float) -> None:
    """Put in the jobs."""
    seed.pending(client, "default", round(1_000_000 * scale), first=1, age=7200)
    for n in range(199):
        seed.pending(client, f"queue-{n}", 5, first=3_000_000 + 10 * n, age=60)
    now = seed.server_time(client)
    for start in range(0, round(100_000 * scale), 5000):
        client.zadd(
            KEYS.delayed,
            {
                seal(seed.job(4_000_000 + i), seed.KEYRING): now + 3600 + i
                for i in range(start, start + 5000)
            },
        )
        client.rpush(KEYS.dead, *seed.letters(now - start, 5000, first=5_000_000 + start, every=1))
    for n in range(50):
        queues = ("default", f"queue-{n}")
        seed.worker(client, f"w-{n}", queues=queues, concurrency=4, running=4, first=9_000 + 10 * n)


def p95(values: Sequence[float]) -> float:
    """The value that 19 of 20 stay under."""
    return statistics.quantiles(values, n=20)[-1]


def timed(action: Callable[[], object]) -> float:
    """Milliseconds that an action takes."""
    began = time.perf_counter()
    action()
    return (time.perf_counter() - began) * 1000


def readings(settings: Settings, client: redis.Redis) -> None:
    """Cost of a reading, beside Redis and for it."""
    reader = open_reader(settings)
    reader.snapshot()
    client.config_resetstat()
    client.slowlog_reset()
    client.config_set("slowlog-log-slower-than", 0)
    client.config_set("slowlog-max-len", 10_000)
    took = [timed(reader.snapshot) for _ in range(READINGS)]
    slowest = max(entry["duration"] for entry in client.slowlog_get(10_000)) / 1000
    client.config_set("slowlog-log-slower-than", 10_000)
    cost = reader.snapshot().cost
    row("reading, p95", f"{p95(took):.1f} ms")
    row("commands, round trips, bytes", f"{cost.commands}, {cost.round_trips}, {cost.reply_bytes}")
    row("slowest command", f"{slowest:.2f} ms")
    for name, page in (
        ("window of pending, middle", lambda: reader.pending("default", 500_000, 200)),
        ("window of dead letters, middle", lambda: reader.dead(50_000, 200)),
    ):
        row(f"{name}, p95", f"{p95([timed(page) for _ in range(READINGS)]):.1f} ms")
    reader.close()


async def keys(settings: Settings) -> None:
    """First paint, key presses and rest."""
    from asok_console.tui.app import ConsoleApp, Session

    began = time.perf_counter()
    app = ConsoleApp(Session(open_reader(settings), open_operator(settings), "bench"))
    async with app.run_test(size=(120, 40)) as pilot:
        while app.snapshot is None:
            await pilot.pause(0.005)
        await pilot.pause()
        row("first picture with data", f"{(time.perf_counter() - began) * 1000:.0f} ms")
        await pilot.press("2")
        await pilot.pause(0.5)
        for name, key in (("cursor down", "j"), ("page down", "pagedown")):
            took = []
            for _ in range(PRESSES):
                start = time.perf_counter()
                app.simulate_key(key)
                await pilot.pause()
                took.append((time.perf_counter() - start) * 1000)
            row(f"key to paint, {name}, p95", f"{p95(took):.1f} ms")
        for view in ("1", "2"):
            await pilot.press(view)
            await pilot.pause(0.5)
            cpu, wall = time.process_time(), time.perf_counter()
            await asyncio.sleep(REST)
            used = (time.process_time() - cpu) / (time.perf_counter() - wall)
            row(f"CPU at rest, view {view}", f"{used:.1%}")


def bulk(settings: Settings, client: redis.Redis) -> None:
    """All dead letters to the trash, back, and into their queues."""
    from asok_core.backends.roles import Scope

    operator = open_operator(settings)
    count = client.llen(KEYS.dead)
    began = time.perf_counter()
    result = operator.purge(Scope(Place.DEAD))
    row(f"purge of {count:,}", f"{time.perf_counter() - began:.3f} s")
    began = time.perf_counter()
    operator.restore(result.operation or "")
    row(f"undo of {count:,}", f"{time.perf_counter() - began:.3f} s")
    began = time.perf_counter()
    operator.requeue(Scope(Place.DEAD))
    row(f"requeue of {count:,}", f"{time.perf_counter() - began:.1f} s")
    operator.close()


def row(name: str, value: str) -> None:
    """One line of the table."""
    print(f"| {name} | {value} |", flush=True)  # noqa: T201 - the benchmark's output


def main() -> None:
    """Seed and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", type=float, default=1.0, help="part of the full amount of data")
    scale = parser.parse_args().scale
    with EmbeddedRedis() as server, redis.Redis.from_url(server.url) as client:
        fill(client, scale)
        settings = Settings.load(
            {
                "ASOK_QUEUE_BACKEND": "redis",
                "ASOK_REDIS_URL": server.url,
                "SECRET_KEY": SECRET_KEY,
                "ASOK_DLQ_MAX": "1000000",
            }
        )
        row("what", "measured")
        row("---", "---")
        readings(settings, client)
        asyncio.run(keys(settings))
        bulk(settings, client)


if __name__ == "__main__":
    main()
