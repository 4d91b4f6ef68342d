"""The shape of a worker in words: what is in force, what is configured, and what was ordered."""

from __future__ import annotations

from asok_core.inspection.phrases import counted
from asok_core.inspection.workers import WorkerInfo


def in_force_words(worker: WorkerInfo) -> str:
    """``8 threads a process (configured 4), queues high,low (configured low)``."""
    now, configured = worker.in_force, worker.configured
    threads = f"{counted(now.concurrency, 'thread')} a process"
    queues = f"queues {','.join(now.queues)}"
    if configured is not None and configured.concurrency != now.concurrency:
        threads += f" (configured {configured.concurrency})"
    if configured is not None and configured.queues != now.queues:
        queues += f" (configured {','.join(configured.queues)})"
    return f"{threads}, {queues}"


def ordered_words(worker: WorkerInfo) -> str:
    """What was ordered and is not confirmed yet, or ''."""
    ordered, now = worker.ordered, worker.in_force
    if ordered is None or not worker.is_reshaping:
        return ""
    parts = []
    if ordered.concurrency != now.concurrency:
        parts.append(f"{counted(ordered.concurrency, 'thread')} a process")
    if ordered.queues != now.queues:
        parts.append(f"queues {','.join(ordered.queues)}")
    return f"ordered, not confirmed yet: {', '.join(parts)}"


def override_words(worker: WorkerInfo) -> str:
    """What an operator overrides, or what is not in force yet, or ''. Without who ordered it, and when."""
    if not worker.overrides:
        return ""
    return ordered_words(worker) or in_force_words(worker)
