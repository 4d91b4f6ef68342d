"""Figures of tasks as the commands write them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from asok_console.presentation.prose import plural
from asok_core.clock import MINUTE, iso
from asok_core.inspection.release_comparison import Comparison
from asok_core.inspection.task_figures import Figures, TaskTable


def figures_document(figures: Figures) -> dict[str, Any]:
    """Figures for programs."""
    return {
        "started": figures.started,
        "completed": figures.completed,
        "failed": figures.failed,
        "retried": figures.retried,
        "cancelled": figures.cancelled,
        "failure_rate": figures.failure_rate,
        "run_seconds": figures.run_us / 1e6,
        "run_p50_ms": figures.run_ms(0.5),
        "run_p95_ms": figures.run_ms(0.95),
        "wait_p50_ms": figures.wait_ms(0.5),
        "wait_p95_ms": figures.wait_ms(0.95),
        "bytes": figures.size,
    }


def comparison_document(comparison: Comparison, others: int, live: int) -> dict[str, Any]:
    """A task before a release and since; of ``live`` workers ``others`` do not run it."""
    change = comparison.change
    return {
        "release": change.release,
        "since": iso(change.at),
        "former": change.former or None,
        "before": {"from": iso(change.first), "to": iso(change.minute)}
        | figures_document(comparison.before),
        "after": {"from": iso(change.minute + MINUTE), "to": iso(comparison.taken_at)}
        | figures_document(comparison.after),
        "enough_attempts": comparison.is_enough,
        "slower": comparison.is_slower,
        "fails_more": comparison.fails_more,
        "live_workers": live,
        "workers_on_other_releases": others,
    }


def uncounted_document(queues: Sequence[str], *, framework: bool) -> dict[str, Any]:
    """What is known to be missing in figures: what the framework runs, and what leaves these queues."""
    return {"framework": framework, "queues": list(queues)}


def note_of_others(table: TaskTable) -> str:
    """What is counted as ``other``."""
    if not table.others:
        return "other: tasks that were not among the 500 busiest of their day"
    return f"other: {plural(table.others, 'task')} or more that are not among today's 500 busiest"
