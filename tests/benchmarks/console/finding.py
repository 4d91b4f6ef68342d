"""``python -m tests.benchmarks.console.finding``: what looking for one job takes Redis, at a million jobs.

Each command is to take at most 5 ms. A machine that does something else lets single ones take longer.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from statistics import median

import redis

from asok_console.demo.embedded import EmbeddedRedis
from asok_core.errors import UsageError
from asok_core.operations.inspector import open_reader
from asok_core.operations.search import by_id, find
from tests.benchmarks.console.__main__ import _part, _settings
from tests.benchmarks.console.data import DEAD, DELAYED, PENDING, Amounts, fill
from tests.benchmarks.console.reading import slow_log
from tests.tui import seed

TEXT_SECONDS = 5.0
"""How long a text is looked for that no job has."""


def main() -> int:
    """Measure each way to find a job, and print a line of it."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.console.finding")
    parser.add_argument("--share", type=float, default=1.0, help="share of the million jobs [1]")
    amounts = _part(Amounts(), parser.parse_args().share)
    with EmbeddedRedis() as server, redis.Redis.from_url(server.url) as client:
        fill(client, amounts)
        for name, look in _ways(server.url, amounts):
            began = time.perf_counter()
            with slow_log(client) as durations, suppress(UsageError):
                look()
            took = time.perf_counter() - began
            found = sorted(durations())
            sys.stdout.write(
                f"{name:<28} {took:6.2f} s  {len(found):5} commands  "
                f"median {1000 * median(found):.1f} ms  "
                f"p99 {1000 * found[int(0.99 * (len(found) - 1))]:.1f} ms  "
                f"longest {1000 * found[-1]:.1f} ms\n"
            )
    return 0


def _ways(url: str, amounts: Amounts) -> Iterator[tuple[str, Callable[[], object]]]:
    reader = open_reader(_settings(url))
    snapshot = reader.snapshot()
    last, middle = amounts.in_default - 1, amounts.in_default // 2

    def search_text() -> None:
        until = time.monotonic() + TEXT_SECONDS
        for _ in find(reader, "no job has this text", snapshot):
            if time.monotonic() > until:
                return

    for name, number in (
        ("pending, first", PENDING),
        ("pending, middle", PENDING + middle),
        ("pending, last", PENDING + last),
        ("delayed, middle", DELAYED + amounts.delayed // 2),
        ("dead, middle", DEAD + amounts.dead // 2),
    ):
        job_id = seed.job(number, "default").id
        yield name, partial(by_id, reader, job_id, snapshot)
    beginning = seed.job(PENDING + middle, "default").id[:20]
    yield "beginning, without a record", partial(by_id, reader, beginning, snapshot)
    yield "text", search_text
    reader.close()


if __name__ == "__main__":
    raise SystemExit(main())
