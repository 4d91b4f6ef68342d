"""The shape of a worker in words: what is in force, what is configured, and what was ordered."""

from __future__ import annotations

from asok_core.inspection.phrases import counted
from asok_core.inspection.worker_shape import WorkerShape
from asok_core.inspection.workers import WorkerInfo


def shape_parts(shape: WorkerShape) -> tuple[str, str]:
    """``8 threads per process`` and ``queues high,low``."""
    return f"{counted(shape.concurrency, 'thread')} per process", f"queues {','.join(shape.queues)}"


def in_force_words(worker: WorkerInfo) -> str:
    """``8 threads per process (configured 4), queues high,low (configured low)``."""
    now, configured = worker.in_force, worker.configured
    threads, queues = shape_parts(now)
    if configured is not None and configured.concurrency != now.concurrency:
        threads += f" (configured {configured.concurrency})"
    if configured is not None and configured.queues != now.queues:
        queues += f" (configured {','.join(configured.queues)})"
    return f"{threads}, {queues}"


def ordered_shape(worker: WorkerInfo) -> str:
    """What was ordered and differs from what is in force: ``8 threads per process, queues high``."""
    ordered, now = worker.ordered, worker.in_force
    if ordered is None:
        return ""
    parts = zip(shape_parts(ordered), shape_parts(now), strict=True)
    return ", ".join(part for part, before in parts if part != before)


def ordered_words(worker: WorkerInfo) -> str:
    """What was ordered and is not confirmed yet, or ''."""
    return f"ordered, not confirmed yet: {ordered_shape(worker)}" if worker.is_reshaping else ""


def figures_words(worker: WorkerInfo) -> str:
    """The same where there is little room, and only what differs, or ''.

    ``8 threads (configured 4); queues high (configured high,low)``; ``ordered 8, not in force yet``.
    """
    parts = []
    now, configured, ordered = worker.in_force, worker.configured, worker.ordered
    if configured is None or ordered is None:
        return ""
    if configured.concurrency != now.concurrency:
        each = " per process" if worker.processes > 1 else ""
        threads = f"{counted(now.concurrency, 'thread')}{each}"
        parts.append(f"{threads} (configured {configured.concurrency})")
    if configured.queues != now.queues:
        parts.append(f"queues {','.join(now.queues)} (configured {','.join(configured.queues)})")
    if worker.is_reshaping:
        figures = [f"{ordered.concurrency}"] if ordered.concurrency != now.concurrency else []
        queues = [f"queues {','.join(ordered.queues)}"] if ordered.queues != now.queues else []
        # First: a narrow column has no room for the rest.
        parts.insert(0, f"ordered {', '.join(figures + queues)}, not in force yet")
    return "; ".join(parts)


def override_words(worker: WorkerInfo) -> str:
    """What an operator overrides, or what is not in force yet, or ''. Without who ordered it, and when."""
    if not worker.overrides:
        return ""
    return ordered_words(worker) or in_force_words(worker)
