"""Background jobs on Redis: enqueue, work, inspect and operate.

Nothing is imported before it is used: ``import asok_core`` loads neither redis nor textual.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from asok_core.version import __version__ as __version__

if TYPE_CHECKING:
    from asok_core.api.client import (
        background,
        background_many,
        call,
        cancel,
        configure,
        get_job,
        shutdown,
    )
    from asok_core.api.decorator import task
    from asok_core.errors import (
        AsokError,
        Deadlock,
        JobCancelled,
        JobFailed,
        JobInterrupted,
        JobNotFound,
        JobTimeout,
        PayloadTooLarge,
        RecordTooLarge,
        Refused,
        ResultNotStored,
        SettingsError,
        Unreachable,
        WorkerCrashed,
    )
    from asok_core.execution import hooks
    from asok_core.execution.cancellation import cancelled
    from asok_core.execution.context import current_request, request_context
    from asok_core.execution.current_job import CurrentJob, current_job
    from asok_core.execution.resumable import resumable
    from asok_core.jobs.futures import JobFuture
    from asok_core.jobs.job import Job, JobRecord
    from asok_core.jobs.progress import JobProgress
    from asok_core.jobs.retry_requests import Fail, Retry
    from asok_core.jobs.states import Status
    from asok_core.settings.settings import Settings
    from asok_core.web.background import Background

_MODULES = {
    "asok_core.execution.cancellation": ("cancelled",),
    "asok_core.web.background": ("Background",),
    "asok_core.api.client": (
        "background",
        "background_many",
        "call",
        "cancel",
        "configure",
        "get_job",
        "shutdown",
    ),
    "asok_core.settings.settings": ("Settings",),
    "asok_core.execution.context": ("current_request", "request_context"),
    "asok_core.execution.current_job": ("CurrentJob", "current_job"),
    "asok_core.execution.resumable": ("resumable",),
    "asok_core.api.decorator": ("task",),
    "asok_core.errors": (
        "AsokError",
        "Deadlock",
        "JobCancelled",
        "JobFailed",
        "JobInterrupted",
        "JobNotFound",
        "JobTimeout",
        "PayloadTooLarge",
        "RecordTooLarge",
        "Refused",
        "ResultNotStored",
        "SettingsError",
        "Unreachable",
        "WorkerCrashed",
    ),
    "asok_core.jobs.futures": ("JobFuture",),
    "asok_core.jobs.job": ("Job", "JobRecord"),
    "asok_core.jobs.progress": ("JobProgress",),
    "asok_core.jobs.retry_requests": ("Fail", "Retry"),
    "asok_core.jobs.states": ("Status",),
}
_MODULE_OF = {name: module for module, names in _MODULES.items() for name in names}

__all__ = [
    "AsokError",
    "Background",
    "CurrentJob",
    "Deadlock",
    "Fail",
    "Job",
    "JobCancelled",
    "JobFailed",
    "JobFuture",
    "JobInterrupted",
    "JobNotFound",
    "JobProgress",
    "JobRecord",
    "JobTimeout",
    "PayloadTooLarge",
    "RecordTooLarge",
    "Refused",
    "ResultNotStored",
    "Retry",
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
    "current_job",
    "current_request",
    "get_job",
    "hooks",
    "request_context",
    "resumable",
    "shutdown",
    "task",
]


def __getattr__(name: str) -> Any:
    if name == "hooks":
        return importlib.import_module("asok_core.execution.hooks")
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(_MODULE_OF[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
