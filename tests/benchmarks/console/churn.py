"""A long run with constant changes and key presses: the console must keep refreshing."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import mean

import redis

from asok_core.backends.redis.parsing import text
from tests.benchmarks.console.data import Amounts
from tests.benchmarks.console.terminal import ConsoleTerminal, Gone
from tests.benchmarks.console.traffic import Traffic
from tests.tui.seed import KEYS

INTERVAL = 0.2
"""Seconds between two refreshes: five times as often as usual, so that a run may be shorter."""
BETWEEN_KEYS = 0.25
JOBS = 20
"""Jobs that are added and removed in each location ten times a second."""
LOST = "not connected"

KEY_ROUND = (
    *("2", "j", "G", "g", "\r", "\x1b", "3", "j", "4", "j", "5", "j", "6", "G", "g", "v", "v"),
    *("?", "\x1b", "7", "1", "j", "t", "t", "p", "p"),
)
"""Keys for a tour of the views, a job, the errors and the help, and back."""


@dataclass
class Course:
    """The figures of a run: seconds, refreshes, and resident memory (bytes) after each key."""

    seconds: float = 0.0
    refreshes: int = 0
    longest_gap: float = 0.0
    memory: list[int] = field(default_factory=list)

    @property
    def growth(self) -> float:
        """Growth in bytes from the second fifth of the run to the last; caches fill in the
        first.
        """
        fifth = max(len(self.memory) // 5, 1)
        return mean(self.memory[-fifth:]) - mean(self.memory[fifth : 2 * fifth])


def run(
    url: str,
    client: redis.Redis,
    amounts: Amounts,
    seconds: float,
    report: Callable[[Course], None] = lambda _course: None,
) -> Course:
    """Keep the console open during the churn; afterwards it must show the state of Redis.

    Raises Gone if it ends, stops refreshing or does not show the state of Redis.
    """
    course = Course()
    with ConsoleTerminal(url, "--interval", f"{INTERVAL * 1000:.0f}ms") as terminal:
        terminal.until(lambda screen: "queue-1" in screen, "a row")
        with Traffic(client, amounts, churn=JOBS):
            watch = _Watch(client, course)
            while course.seconds < seconds:
                for key in KEY_ROUND:
                    terminal.press(key)
                    terminal.rest(BETWEEN_KEYS)
                    if LOST in terminal.text:
                        raise Gone(f"it lost Redis: {terminal.text[-2000:]!r}")
                    watch.record(terminal.rss())
                report(course)
        _check_totals(terminal, client)
    return course


class _Watch:
    """Records the course of a run."""

    def __init__(self, client: redis.Redis, course: Course) -> None:
        self._client = client
        self._course = course
        self._began = self._last = time.monotonic()
        self._first = self._seen = _refreshes(client)

    def record(self, memory: int) -> None:
        """Record the current state."""
        now, seen, course = time.monotonic(), _refreshes(self._client), self._course
        if seen > self._seen:
            self._seen, self._last = seen, now
        course.longest_gap = max(course.longest_gap, now - self._last)
        course.seconds, course.refreshes = now - self._began, seen - self._first
        course.memory.append(memory)


def _check_totals(terminal: ConsoleTerminal, client: redis.Redis) -> None:
    names = {"default", *map(text, client.smembers(KEYS.queues))}
    pending = sum(client.llen(KEYS.queue(name)) for name in names)
    dead = client.llen(KEYS.dead)
    terminal.press("1")
    terminal.rest(5 * INTERVAL)
    # A change of the theme redraws everything.
    terminal.press("t")
    terminal.until(
        lambda screen: f"{pending:,} pending" in screen and f"{dead:,} dead" in screen,
        f"{pending:,} pending and {dead:,} dead",
    )


def _refreshes(client: redis.Redis) -> int:
    """The number of snapshots: each counts the due jobs once."""
    return int(client.info("commandstats").get("cmdstat_zcount", {"calls": 0})["calls"])
