"""What a worker was asked to do, sent from the supervisor to its children."""

from __future__ import annotations

from dataclasses import dataclass

from asok_core.config import Settings


@dataclass(frozen=True, slots=True)
class WorkerConfig:
    """Settings and the options of the command line.

    ``concurrency`` is threads a process; ``max_jobs`` and ``max_memory`` (bytes) end a process that
    has done or grown so much, and another takes its place; None for no limit.
    """

    settings: Settings
    worker: str
    queues: tuple[str, ...]
    concurrency: int = 1
    processes: int = 1
    max_jobs: int | None = None
    max_memory: int | None = None
    log_level: str = "info"
    log_format: str = "text"
    log_arguments: bool = False
