"""The report in Markdown: medians of all rounds, and their ratios to ours."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from statistics import median

from tests.benchmarks.cases import Figures
from tests.benchmarks.catalogue import OWN, Peer


@dataclass(slots=True)
class Results:
    """Figures of every round, by peer; ``failures`` are lines for the notes."""

    rounds: dict[str, list[Figures]] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)

    def add(self, peer: Peer, figures: Figures) -> None:
        """Add the figures of one case of one round."""
        self.rounds.setdefault(peer.name, []).append(figures)

    def value(self, name: str, figure: str) -> float | None:
        """The median of a figure, or None if there is none."""
        values = [each[figure] for each in self.rounds.get(name, ()) if figure in each]
        numbers = [value for value in values if isinstance(value, int | float)]
        return median(numbers) if numbers else None

    def words(self, name: str, figure: str) -> str:
        """A figure that is text: the most frequent value."""
        said = [each[figure] for each in self.rounds.get(name, ()) if figure in each]
        return str(said[-1]) if said else ""


@dataclass(frozen=True, slots=True)
class FigureColumn:
    """One figure: its heading, its format, and whether its ratio to ours is shown."""

    heading: str
    figure: str
    scale: float = 1.0
    digits: int = 0
    ratio: bool = False


_COUNTS = (
    FigureColumn("enqueue one by one, jobs/s", "enqueue", ratio=True),
    FigureColumn("in bulk, jobs/s", "bulk", ratio=True),
    FigureColumn("drain, 1 process, jobs/s", "drain", ratio=True),
    FigureColumn("of N", "jobs"),
    FigureColumn("2 processes, jobs/s", "drain2", ratio=True),
)
_COSTS = (
    FigureColumn("latency p50, ms", "p50", 1e3, 2),
    FigureColumn("p99, ms", "p99", 1e3, 2),
    FigureColumn("reads per job", "reads", 1, 2),
    FigureColumn("commands per job", "commands", 1, 1),
    FigureColumn("Redis CPU per job, µs", "cpu", 1e6),
    FigureColumn("worker CPU per job, µs", "worker_cpu", 1e6, ratio=True),
    FigureColumn("worker RSS, MiB", "rss", 1 / 2**20),
)


def markdown(results: Results, peers: Sequence[Peer], server: str, rounds: int) -> str:
    """The whole report."""
    names = [peer.name for peer in peers]
    head = f"Medians of {rounds} interleaved rounds; (n x) is the ratio to our figure. {server}."
    parts = [
        f"{head} Python {platform.python_version()}, {os.cpu_count()} cores.",
        _table(results, peers, _COUNTS),
        _table(results, peers, _COSTS),
    ]
    if any(results.words(name, key) for name in names for key in ("process", "whole")):
        parts.append(_recoveries(results, peers))
    parts.append(_verdicts(results, peers))
    parts.append(_notes(peers, results.failures))
    return "\n\n".join(part for part in parts if part) + "\n"


def _table(results: Results, peers: Sequence[Peer], columns: Sequence[FigureColumn]) -> str:
    rows = [
        [_title(peer), *(_cell(results, peer.name, column) for column in columns)] for peer in peers
    ]
    if not any(cell for row in rows for cell in row[1:]):
        return ""
    return _grid(["peer", *(column.heading for column in columns)], rows)


def _title(peer: Peer) -> str:
    return f"{peer.name} {'(keeps results)' if peer.keeps and '+' not in peer.name else ''}".strip()


def _cell(results: Results, name: str, column: FigureColumn) -> str:
    value = results.value(name, column.figure)
    if value is None:
        return ""
    text = f"{value * column.scale:,.{column.digits}f}"
    ours = results.value(OWN, column.figure)
    if column.ratio and name != OWN and ours:
        text += f" ({value / ours:.2f} x)"
    return text


def _recoveries(results: Results, peers: Sequence[Peer]) -> str:
    rows = [
        [_title(peer), results.words(peer.name, "process"), results.words(peer.name, "whole")]
        for peer in peers
    ]
    return _grid(
        ["SIGKILL with 4 of 10 running", "the processes that ran them", "all processes"], rows
    )


def _verdicts(results: Results, peers: Sequence[Peer]) -> str:
    """The targets, and whether this run meets them."""
    others = [peer for peer in peers if peer.name != OWN]
    keepers = [peer for peer in others if peer.keeps]
    lines = [
        _times("drain, of those that keep results", results, "drain", keepers, 10),
        _times("drain, of all", results, "drain", others, 6),
        _times("enqueue one by one", results, "enqueue", others, 1),
        _times("in bulk", results, "bulk", others, 3),
        _least("latency p50", results, "p50", others),
        _least("latency p99", results, "p99", others),
    ]
    one, two = results.value(OWN, "drain"), results.value(OWN, "drain2")
    if one and two:
        lines.append(
            _verdict(f"two processes: {two / one:.2f} times one (target 1.25)", two / one >= 1.25)
        )
    reads = results.value(OWN, "reads")
    if reads is not None:
        lines.append(_verdict(f"round trips: {reads:.3f} per job (target 0.25)", reads <= 0.25))
    return "\n".join(f"- {line}" for line in lines if line)


def _best(
    results: Results, figure: str, peers: Iterable[Peer], *, least: bool = False
) -> tuple[float, str] | None:
    found = [(value, peer.name) for peer in peers if (value := results.value(peer.name, figure))]
    if not found:
        return None
    return min(found) if least else max(found)


def _times(what: str, results: Results, figure: str, peers: Iterable[Peer], target: float) -> str:
    ours, best = results.value(OWN, figure), _best(results, figure, peers)
    if not ours or not best:
        return ""
    times = ours / best[0]
    return _verdict(
        f"{what}: {times:.2f} times the best, {best[1]} (target {target:g})", times >= target
    )


def _least(what: str, results: Results, figure: str, peers: Iterable[Peer]) -> str:
    ours, best = results.value(OWN, figure), _best(results, figure, peers, least=True)
    if not ours or not best:
        return ""
    return _verdict(
        f"{what}: {ours * 1e3:.2f} ms, the best peer {best[0] * 1e3:.2f} ms, {best[1]}",
        ours <= best[0],
    )


def _verdict(words: str, holds: bool) -> str:
    return f"{'holds' if holds else 'MISSED'}: {words}"


def _notes(peers: Sequence[Peer], failures: Sequence[str]) -> str:
    lines = [
        "A drain is measured from its tenth part to its end, by what the tasks append to a file.",
        "Reads are Redis's total_reads_processed, about its round trips; commands are also of scripts.",
        "Latency is from before the enqueue call to the start of the task, on an idle worker.",
        "After SIGKILL a command that has ended is restarted at once, as a process manager does.",
    ]
    for peer in peers:
        bulk = f"; in bulk by {peer.bulk}" if peer.bulk else ""
        lines.append(f"{peer.name} {peer.version(peer.package)}: {peer.settings}{bulk}.")
    return "\n".join(f"- {line}" for line in (*lines, *failures))


def _grid(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    ruler = ["---", *["---:"] * (len(head) - 1)]
    return "\n".join("| " + " | ".join(row) + " |" for row in (head, ruler, *rows))


def failure_line(peer: Peer, case: str, why: str) -> str:
    """A line for the notes."""
    return f"{peer.name}, {case}: {' '.join(why.split())}"
