"""What a user waits for: the first picture, and the response to a key."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable
from statistics import median

import redis

from tests.benchmarks.console.data import DEAD, PENDING, Amounts
from tests.benchmarks.console.report import Figures, p95
from tests.benchmarks.console.terminal import ConsoleTerminal
from tests.tui import seed

STARTS = 9
PRESSES = 60
PAGES = 20
"""Consecutive pages, as many as a thousand rows have."""
REST = 20.0
SETTLE = 3.0
SHORT_ID = 8

PAGE_DOWN = "\x1b[6~"


def measure(url: str, client: redis.Redis, amounts: Amounts, *, rest: float = REST) -> Figures:
    """Start the console several times, then press keys, then leave it idle, in a real terminal."""
    return first_paint(url) | keys(url, amounts) | at_rest(url, client, rest)


def first_paint(url: str) -> Figures:
    """From the start of the process to the first row of the table of queues."""
    took = []
    for _ in range(STARTS + 1):
        with ConsoleTerminal(url) as terminal:
            took.append(terminal.until(lambda text: "queue-1" in text, "a row") - terminal.began)
    # The first start also fills caches of Python and of the disk.
    return {"first_paint": median(took[1:]), "first_paint_slowest": max(took[1:])}


def keys(url: str, amounts: Amounts) -> Figures:
    """Seconds from a key to the row that it leads to, with its data, in the terminal.

    The position and the job id of each row are known in advance.
    """
    pending = _Rows(amounts.in_default, lambda position: seed.job_id(PENDING + position))
    dead = _Rows(amounts.dead, lambda position: seed.job_id(DEAD + position))
    with ConsoleTerminal(url) as terminal:
        terminal.until(lambda text: "queue-1" in text, "a row")
        terminal.press("2")
        terminal.until(pending.is_drawn, "Pending")
        turned = []
        for _ in range(PRESSES // 2):
            turned.append(_press(terminal, "6", dead.is_drawn))
            turned.append(_press(terminal, "2", pending.is_drawn))
        moved = [_press(terminal, "j", pending.is_drawn) for _ in range(PRESSES)]
        paged = []
        for _ in range(PRESSES // PAGES):
            _press(terminal, "G", pending.is_drawn)
            _press(terminal, "g", pending.is_drawn)
            paged += [_press(terminal, PAGE_DOWN, pending.is_drawn) for _ in range(PAGES)]
        _press(terminal, "g", pending.is_drawn)
        jumped = [_press(terminal, key, pending.is_drawn) for key in "Gg" * (PRESSES // 2)]
    return {
        "turn": p95(turned),
        "move": p95(moved),
        "page_down": p95(paged),
        "jump": p95(jumped),
    }


def at_rest(url: str, client: redis.Redis, seconds: float) -> Figures:
    """CPU time while no key is pressed, at an interval of one second."""
    figures = {}
    before = _redis_cpu(client, seconds)
    with ConsoleTerminal(url) as terminal:
        for key, name in (("5", "workers"), ("2", "pending"), ("1", "overview")):
            terminal.press(key)
            terminal.rest(SETTLE)
            cpu, began = terminal.cpu(), time.perf_counter()
            terminal.rest(seconds)
            figures[f"rest_{name}"] = (terminal.cpu() - cpu) / (time.perf_counter() - began)
        terminal.drawn = b""
        figures["rest_redis"] = max(_redis_cpu(client, seconds, terminal) - before, 0.0)
    return figures


class _Rows:
    """The expected rows of a list: position and id."""

    def __init__(self, total: int, job_id: Callable[[int], str]) -> None:
        self._position = re.compile(rf"([\d,]+) of {total:,}\b")
        self._id = job_id

    def is_drawn(self, text: str) -> bool:
        """Whether the heading has the position of the cursor, and the row there shows its job."""
        positions = (int(found.replace(",", "")) for found in self._position.findall(text))
        return any(self._id(position - 1)[:SHORT_ID] in text for position in positions)


def _press(terminal: ConsoleTerminal, key: str, drawn: Callable[[str], bool]) -> float:
    # At a random time between two refreshes.
    terminal.rest(random.uniform(0.05, 0.2))
    began = terminal.press(key)
    return terminal.until(drawn, f"the row after {key!r}") - began


def _redis_cpu(
    client: redis.Redis, seconds: float, terminal: ConsoleTerminal | None = None
) -> float:
    """The share of a core that Redis uses during ``seconds``."""

    def used() -> float:
        reported = client.info("cpu")
        return float(reported["used_cpu_user"]) + float(reported["used_cpu_sys"])

    cpu, began = used(), time.perf_counter()
    if terminal is None:
        time.sleep(seconds)
    else:
        terminal.rest(seconds)
    return (used() - cpu) / (time.perf_counter() - began)
