"""Figures of tasks as the commands write them."""

from __future__ import annotations

from typing import Any

from asok_console.presentation.prose import plural
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


def note_of_others(table: TaskTable) -> str:
    """What is counted as ``other``."""
    if not table.others:
        return "other: tasks that were not among the 500 busiest of their day"
    return f"other: {plural(table.others, 'task')} or more that are not among today's 500 busiest"
