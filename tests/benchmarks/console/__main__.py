"""``make bench-console``: measure the console on a Redis with a million jobs, and with a thousand.

Key presses and start-up are measured with the real program in a pseudo-terminal, from the key to
the bytes that show its effect. ``--churn 10m`` is only the long run, ``--large`` only the figures
of large jobs. Linux only: it reads /proc."""

from __future__ import annotations

import argparse
import os
import platform
import sys
import time
from pathlib import Path

import redis

from asok_console.demo.embedded import EmbeddedRedis, find_redis_server, server_version
from asok_core.settings.durations import parse_duration
from asok_core.settings.settings import Settings
from tests.benchmarks.console import churn, large, operating, reading, showing
from tests.benchmarks.console.data import SLOTS, Amounts, fill
from tests.benchmarks.console.report import Figures, markdown
from tests.benchmarks.console.traffic import Traffic
from tests.conftest import SECRET_KEY

LARGE = Amounts()
SMALL = Amounts(pending=1_000, delayed=100, dead=100)
CHURN = 60.0
OTHERS = 2_000
"""Dead jobs that the framework requeues, for comparison."""


def main(arguments: list[str] | None = None) -> int:
    """Run the benchmarks on the command line. Returns 0."""
    options = _options(arguments)
    notes = [_surroundings()]
    scenes: list[tuple[str, Figures]] = []
    if options.large:
        sys.stdout.write(markdown([("10,000 dead jobs", large.measure())], notes))
        return 0
    if options.churn is None:
        for amounts in (SMALL, _part(LARGE, options.share)):
            _log(f"{amounts.pending:,} pending jobs")
            scenes.append((f"{amounts.pending:,} jobs", _scene(amounts, options.rest)))
        scenes[-1][1].update(large.measure())
        _log("large jobs read")
        notes += _beside_the_framework(scenes[-1][1], _part(LARGE, options.share).dead)
    amounts = _part(LARGE, options.share)
    course = _churn(amounts, options.churn or CHURN)
    figures = {"growth": course.growth, "gap": course.longest_gap}
    if scenes:
        scenes[-1][1].update(figures)
    else:
        scenes.append((f"{amounts.pending:,} jobs", figures))
    notes.append(
        f"Churn: {course.seconds:.0f} s at an interval of {churn.INTERVAL:g} s, "
        f"{course.refreshes:,} refreshes, {len(course.memory):,} keys, "
        f"{course.memory[-1] / 2**20:.0f} MiB resident at the end."
    )
    text = markdown(scenes, [*_about(amounts), *notes])
    sys.stdout.write(text)
    if options.output:
        options.output.write_text(text, encoding="utf-8")
    return 0


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.console", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--share", type=float, default=1.0, help="share of the million jobs [1]")
    parser.add_argument(
        "--rest", type=float, default=showing.REST, help="seconds of the idle measurements [20]"
    )
    parser.add_argument(
        "--churn",
        type=parse_duration,
        metavar="TIME",
        help="only the long run, of this duration, as in 10m",
    )
    parser.add_argument("--large", action="store_true", help="only the figures of large jobs")
    parser.add_argument("--output", type=Path, help="also write the table to this file")
    return parser.parse_args(arguments)


def _part(amounts: Amounts, share: float) -> Amounts:
    return Amounts(
        pending=round(amounts.pending * share),
        delayed=round(amounts.delayed * share),
        dead=round(amounts.dead * share),
    )


def _scene(amounts: Amounts, rest: float) -> Figures:
    with EmbeddedRedis() as server, redis.Redis.from_url(server.url) as client:
        began = time.monotonic()
        fill(client, amounts)
        _log(f"seeded in {time.monotonic() - began:.0f} s")
        settings = _settings(server.url)
        with redis.Redis.from_url(server.url) as another, Traffic(another, amounts):
            figures = reading.measure(settings, client, amounts)
            _log("read")
            figures |= showing.measure(server.url, client, amounts, rest=rest)
            _log("shown")
        figures |= operating.measure(settings, client, amounts)
    return figures


def _churn(amounts: Amounts, seconds: float) -> churn.Course:
    with EmbeddedRedis() as server, redis.Redis.from_url(server.url) as client:
        fill(client, amounts)
        _log(f"churn for {seconds:.0f} s")
        return churn.run(server.url, client, amounts, seconds, report=_report)


def _report(course: churn.Course) -> None:
    _log(
        f"{course.seconds:.0f} s, {course.refreshes:,} refreshes, "
        f"{course.memory[-1] / 2**20:.1f} MiB, longest time between two {course.longest_gap:.2f} s"
    )


def _beside_the_framework(figures: Figures, dead: int) -> list[str]:
    half, whole = operating.framework(OTHERS // 2), operating.framework(OTHERS)
    # It reads the whole list for every job.
    expected = whole * (dead / OTHERS) ** 2
    return [
        (
            f"`asok.background.retry_dlq_job` of asok 0.8.0 took {half:.1f} s for {OTHERS // 2:,} "
            f"dead jobs and {whole:.1f} s for {OTHERS:,}. It reads the whole list for each, so its "
            "time "
            f"grows with the square: extrapolated, not measured, {expected / 3600:.1f} h for {dead:,}, "
            f"{expected / figures['requeue']:,.0f} times ours."
        )
    ]


def _about(amounts: Amounts) -> list[str]:
    return [
        (
            f"{amounts.queues} queues and {amounts.workers} workers, "
            f"{amounts.workers * SLOTS} running jobs, in both; besides pending jobs "
            f"{amounts.delayed:,} delayed and {amounts.dead:,} dead jobs. Each second every queue "
            "counts, every worker sends a heartbeat and a third of the running jobs is replaced."
        ),
        (
            "Keys, start-up, idle and churn: the real program in a pseudo-terminal of 120 by 40, "
            "from the key to the bytes of the row that it leads to, with its data."
        ),
    ]


def _surroundings() -> str:
    version = ".".join(map(str, server_version(find_redis_server()) or ()))
    load = ", ".join(f"{each:.1f}" for each in os.getloadavg())
    return (
        f"Redis {version} on a unix socket, Python {platform.python_version()}, "
        f"{os.cpu_count()} cores; load average at the start {load}."
    )


def _settings(url: str) -> Settings:
    return Settings.load(
        {
            "ASOK_QUEUE_BACKEND": "redis",
            "ASOK_REDIS_URL": url,
            "SECRET_KEY": SECRET_KEY,
            "ASOK_DLQ_MAX": "1000000",
        }
    )


def _log(words: str) -> None:
    sys.stderr.write(f"{time.strftime('%H:%M:%S')} {words}\n")


if __name__ == "__main__":
    sys.exit(main())
