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
class FigureRow:
    """One figure: its format, and the ``limit`` that it must not exceed."""

    figure: str
    title: str
    written: Callable[[float], str]
    limit: float | None = None


ROWS = (
    FigureRow("round_trips", "Round trips per refresh, maximum", _count, 3),
    FigureRow("commands", "Commands per refresh, maximum", _count),
    FigureRow("bytes", "Reply bytes per refresh, mean", _size),
    FigureRow(
        "slowest", "Slowest command of refreshes and pages, Redis's time", _milliseconds, 0.005
    ),
    FigureRow("refresh", "Refresh, p95", _milliseconds, 0.1),
    FigureRow("page", "Page of 200 rows from the middle, p95", _milliseconds),
    FigureRow("small_refresh", "Refresh with 193 of 10,000 small dead jobs, p95", _milliseconds),
    FigureRow("large_refresh", "The same with 73 dead jobs of 98 KiB, p95", _milliseconds, 0.1),
    FigureRow("small_bytes", "Bytes from Redis for that, small dead jobs", _size),
    FigureRow("large_bytes", "The same with dead jobs of 98 KiB", _size),
    FigureRow("small_slowest", "Slowest command of that, small dead jobs", _milliseconds, 0.005),
    FigureRow("large_slowest", "The same with dead jobs of 98 KiB", _milliseconds, 0.005),
    FigureRow("first_paint", "Process start to first table row, median", _milliseconds, 1.0),
    FigureRow("first_paint_slowest", "The same, slowest", _milliseconds),
    FigureRow("move", "Key to paint, cursor down, p95", _milliseconds, 0.05),
    FigureRow("page_down", "Key to paint, page down, p95", _milliseconds, 0.05),
    FigureRow("jump", "Key to paint, to the other end, p95", _milliseconds, 0.05),
    FigureRow("turn", "Key to paint, another view, p95", _milliseconds, 0.05),
    FigureRow("rest_overview", "CPU while idle, Overview", _share, 0.03),
    FigureRow("rest_pending", "CPU while idle, Pending", _share, 0.03),
    FigureRow("rest_workers", "CPU while idle, Workers", _share, 0.03),
    FigureRow("rest_redis", "CPU of Redis for an idle console, Overview", _share),
    FigureRow("purge", "Purge of all dead jobs", duration),
    FigureRow("undo", "Undo of that purge", duration),
    FigureRow("requeue", "Requeue of all dead jobs", duration),
    FigureRow("bulk_slowest", "Slowest command of these three, Redis's time", _milliseconds, 0.005),
    FigureRow("growth", "Memory gained over the churn", _size, 8 * 2**20),
    FigureRow("gap", "Longest time without a refresh in the churn", _milliseconds, 2.0),
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
