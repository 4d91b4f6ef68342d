"""The figures as a Markdown table, with their targets."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from asok_console.presentation.numbers import duration, size

Figures = dict[str, float]
"""Measured values by name: seconds, bytes, counts or fractions."""


def p95(values: Sequence[float]) -> float:
    """The 95th percentile."""
    return statistics.quantiles(values, n=20)[-1]


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:.1f} ms" if seconds < 0.1 else f"{seconds * 1000:.0f} ms"


def _count(number: float) -> str:
    return f"{number:,.0f}"


def _share(part: float) -> str:
    return f"{part * 100:.1f} %"


def _size(number: float) -> str:
    return f"-{size(round(-number))}" if number < 0 else size(round(number))


@dataclass(frozen=True, slots=True)
class Row:
    """One figure: its format, and the ``limit`` that it must not exceed."""

    figure: str
    title: str
    written: Callable[[float], str]
    limit: float | None = None


ROWS = (
    Row("round_trips", "Round trips per refresh, maximum", _count, 3),
    Row("commands", "Commands per refresh, maximum", _count),
    Row("bytes", "Reply bytes per refresh, mean", _size),
    Row("slowest", "Slowest command of refreshes and pages, Redis's time", _milliseconds, 0.005),
    Row("refresh", "Refresh, p95", _milliseconds, 0.1),
    Row("page", "Page of 200 rows from the middle, p95", _milliseconds),
    Row("small_refresh", "Refresh with 193 of 10,000 small dead jobs, p95", _milliseconds),
    Row("large_refresh", "The same with 73 dead jobs of 100 kB, p95", _milliseconds, 0.1),
    Row("small_bytes", "Bytes from Redis for that, small dead jobs", _size),
    Row("large_bytes", "The same with dead jobs of 100 kB", _size),
    Row("small_slowest", "Slowest command of that, small dead jobs", _milliseconds, 0.005),
    Row("large_slowest", "The same with dead jobs of 100 kB", _milliseconds, 0.005),
    Row("first_paint", "Process start to first table row, median", _milliseconds, 1.0),
    Row("first_paint_slowest", "The same, slowest", _milliseconds),
    Row("move", "Key to paint, cursor down, p95", _milliseconds, 0.05),
    Row("page_down", "Key to paint, page down, p95", _milliseconds, 0.05),
    Row("jump", "Key to paint, to the other end, p95", _milliseconds, 0.05),
    Row("turn", "Key to paint, another view, p95", _milliseconds, 0.05),
    Row("rest_overview", "CPU while idle, Overview", _share, 0.03),
    Row("rest_pending", "CPU while idle, Pending", _share, 0.03),
    Row("rest_workers", "CPU while idle, Workers", _share, 0.03),
    Row("rest_redis", "CPU of Redis for an idle console, Overview", _share),
    Row("purge", "Purge of all dead jobs", duration),
    Row("undo", "Undo of that purge", duration),
    Row("requeue", "Requeue of all dead jobs", duration),
    Row("bulk_slowest", "Slowest command of these three, Redis's time", _milliseconds, 0.005),
    Row("growth", "Memory gained over the churn", _size, 8 * 2**20),
    Row("gap", "Longest time without a refresh in the churn", _milliseconds, 2.0),
)


def markdown(scenes: Sequence[tuple[str, Figures]], notes: Sequence[str]) -> str:
    """The table, a column for each scene; the verdict is for the last scene with the figure."""
    heads = ["", *(name for name, _ in scenes), "Target", ""]
    lines = [heads, ["---", *["---:"] * (len(scenes) + 1), "---"]]
    for row in ROWS:
        values = [figures.get(row.figure) for _, figures in scenes]
        known = [value for value in values if value is not None]
        if not known:
            continue
        cells = ["" if value is None else row.written(value) for value in values]
        target = "" if row.limit is None else f"at most {row.written(row.limit)}"
        verdict = "" if row.limit is None else ("holds" if known[-1] <= row.limit else "**missed**")
        lines.append([row.title, *cells, target, verdict])
    table = "\n".join("| " + " | ".join(line) + " |" for line in lines)
    return "\n".join([table, "", *(f"- {note}" for note in notes), ""])
