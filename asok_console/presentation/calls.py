"""Jobs as the calls that they are, also those of which only the beginning was read."""

from __future__ import annotations

from asok_console.presentation import numbers
from asok_console.presentation.text import arguments_text, safe
from asok_core.jobs.envelope import Payload


def arguments_of(payload: Payload, limit: int = 400) -> str:
    """The arguments as in a call; of a large job its size and their beginning; '' without a job."""
    job = payload.job
    if job is None:
        return ""
    if payload.size is None:
        return arguments_text(job.args, job.kwargs, limit)
    beginning = payload.raw.decode(errors="replace").replace("\\", "").lstrip("[{ ")
    return safe(f"{numbers.size(payload.size)}: {beginning}", limit)


def call_of(payload: Payload, limit: int = 400) -> str:
    """``module.function(1, key=2)``, or in parentheses why it cannot be read."""
    if payload.job is None:
        return f"({safe(payload.problem or 'unreadable', 100)})"
    return f"{safe(payload.job.task, limit)}({arguments_of(payload, limit)})"
