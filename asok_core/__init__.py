"""Background jobs on Redis: enqueue, work, inspect and operate.

Nothing is imported before it is used: ``import asok_core`` loads neither redis nor textual.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from asok_core import hooks
    from asok_core.app import Background
    from asok_core.cancellation import cancelled
    from asok_core.client import (
        background,
        background_many,
        call,
        cancel,
        configure,
        get_job,
        shutdown,
    )
    from asok_core.config import Settings
    from asok_core.context import current_request, request_context
    from asok_core.decorator import task
    from asok_core.errors import (
        AsokError,
        Deadlock,
        JobCancelled,
        JobFailed,
        JobNotFound,
        JobTimeout,
        PayloadTooLarge,
        Refused,
        ResultNotStored,
        SettingsError,
        Unreachable,
        WorkerCrashed,
    )
    from asok_core.futures import JobFuture
    from asok_core.job import Job, JobRecord
    from asok_core.states import Status

_HOMES = {
    "asok_core.cancellation": ("cancelled",),
    "asok_core.app": ("Background",),
    "asok_core.client": (
        "background",
        "background_many",
        "call",
        "cancel",
        "configure",
        "get_job",
        "shutdown",
    ),
    "asok_core.config": ("Settings",),
    "asok_core.context": ("current_request", "request_context"),
    "asok_core.decorator": ("task",),
    "asok_core.errors": (
        "AsokError",
        "Deadlock",
        "JobCancelled",
        "JobFailed",
        "JobNotFound",
        "JobTimeout",
        "PayloadTooLarge",
        "Refused",
        "ResultNotStored",
        "SettingsError",
        "Unreachable",
        "WorkerCrashed",
    ),
    "asok_core.futures": ("JobFuture",),
    "asok_core.job": ("Job", "JobRecord"),
    "asok_core.states": ("Status",),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "AsokError",
    "Background",
    "Deadlock",
    "Job",
    "JobCancelled",
    "JobFailed",
    "JobFuture",
    "JobNotFound",
    "JobRecord",
    "JobTimeout",
    "PayloadTooLarge",
    "Refused",
    "ResultNotStored",
    "Settings",
    "SettingsError",
    "Status",
    "Unreachable",
    "WorkerCrashed",
    "background",
    "background_many",
    "call",
    "cancel",
    "cancelled",
    "configure",
    "current_request",
    "get_job",
    "hooks",
    "request_context",
    "shutdown",
    "task",
]


def __getattr__(name: str) -> Any:
    if name == "hooks":
        return importlib.import_module("asok_core.hooks")
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOME_OF[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
