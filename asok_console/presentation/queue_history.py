"""The history of a queue as a table: a line for each period, and one for all of a gap."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

from asok_console.presentation import local_time, numbers
from asok_console.presentation.tables import GAP, TextColumn, cells
from asok_core.clock import HOUR
from asok_core.inspection.histograms import percentile
from asok_core.inspection.queue_history import Period, QueueDepth, QueueHistory


class HistoryTable(NamedTuple):
    """Columns, and the cells of each line."""

    columns: Sequence[TextColumn]
    rows: Sequence[Sequence[str]]


class _Figure(NamedTuple):
    """A column of figures. Where not all fit, that with the highest ``drop`` is left out; 0: never."""

    title: str
    drop: int
    cell: Callable[[Period], str]


def table_of(history: QueueHistory, width: int) -> HistoryTable:
    """The table in at most ``width`` cells, with as many of its columns as these have room for."""
    figures = [each for each in _FIGURES if history.name is None or each not in _OF_ALL]
    while True:
        columns = (
            TextColumn("FROM"),
            *(TextColumn(each.title, right=True) for each in figures),
            TextColumn(""),
        )
        rows = list(_rows(history, figures))
        widths = [max(map(cells, column)) for column in zip(_titles(columns), *rows, strict=True)]
        last = max(figures, key=lambda each: each.drop)
        if sum(widths) + len(GAP) * (len(widths) - 1) <= width or not last.drop:
            return HistoryTable(columns, rows)
        figures.remove(last)


def title(history: QueueHistory, name: str) -> str:
    """What the table is about. ``name`` is safe."""
    begin, end = local_time.clock(history.since), local_time.clock(history.until)
    return (
        f"{name}, {begin} to {end}, each line {numbers.duration(history.width)} ({_zone(history)})"
    )


def _zone(history: QueueHistory) -> str:
    first, last = (local_time.zone_in_words(at) for at in (history.since, history.until))
    if _is_one_zone(history):
        return f"local time, {first}"
    zone = "local time, whose offset changes in it"
    return f"{zone}: {first}, then {last}" if first != last else zone


def _rows(history: QueueHistory, figures: Sequence[_Figure]) -> Iterator[Sequence[str]]:
    one_zone = _is_one_zone(history)
    for recorded, group in groupby(history.periods, key=lambda each: each.is_recorded):
        for each in group:
            zone = "" if one_zone else f" {local_time.zone(each.start)}"
            time = f"{local_time.short_clock(each.start)}{zone}"
            if not recorded:
                # The line below, or the end of the table, shows until when.
                yield (time, *[numbers.UNKNOWN] * len(figures), "not recorded")
                break
            note = "" if each.is_whole else f"{each.recorded} of {each.minutes} min"
            yield (time, *(figure.cell(each) for figure in figures), note)


def _is_one_zone(history: QueueHistory) -> bool:
    return local_time.is_one_zone(history.since, history.until, HOUR)


def _titles(columns: Sequence[TextColumn]) -> Sequence[str]:
    return [column.title for column in columns]


def _counted(name: str) -> Callable[[Period], str]:
    return lambda period: numbers.count(getattr(period.counters, name))


def _last(depth: QueueDepth) -> str:
    return numbers.count(depth.last if depth.minutes else None)


def _highest(depth: QueueDepth) -> str:
    return numbers.count(depth.highest if depth.minutes else None)


_OF_ALL = (
    _Figure("DELAYED", 2, lambda period: _last(period.delayed)),
    _Figure("DEAD", 1, lambda period: _last(period.dead)),
)
"""What is known only of all queues together."""
_FIGURES = (
    _Figure("IN", 0, _counted("enqueued")),
    _Figure("DONE", 0, _counted("completed")),
    _Figure("FAILED", 0, _counted("failed")),
    _Figure("RETRIED", 6, _counted("retried")),
    _Figure("DIED", 3, _counted("dead")),
    _Figure("PENDING", 0, lambda period: _last(period.pending)),
    _Figure("HIGHEST", 5, lambda period: _highest(period.pending)),
    *_OF_ALL,
    _Figure(
        "WAIT P95", 4, lambda each: numbers.milliseconds(percentile(each.counters.waits, 0.95))
    ),
    _Figure("RUN P95", 5, lambda each: numbers.milliseconds(percentile(each.counters.runs, 0.95))),
)
