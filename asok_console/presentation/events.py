"""Events in words: one short label and one sentence for each kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from asok_core.inspection.events import EventKind, SystemEvent
from asok_core.inspection.holds import END_OF_HOLD
from asok_core.inspection.pauses import END_OF_PAUSE, moment
from asok_core.jobs.numbers import number

LABELS: Mapping[str, str] = {
    EventKind.WORKER_STARTED: "started",
    EventKind.WORKER_STOPPED: "stopped",
    EventKind.WORKER_LOST: "lost",
    EventKind.WORKER_RECOVERED: "recovered",
    EventKind.WORKER_RETURNED: "returned",
    EventKind.WORKER_RESHAPED: "reshaped",
    EventKind.PROCESS_CRASHED: "crashed",
    EventKind.PROCESS_ENDED: "ended",
    EventKind.RELEASE_CHANGED: "release",
    EventKind.QUEUE_PAUSED: "paused",
    EventKind.QUEUE_RESUMED: "resumed",
    EventKind.HOLD_ADDED: "hold",
    EventKind.HOLD_ENDED: "hold ended",
    EventKind.LIMIT_SET: "limit",
    EventKind.LIMIT_RESET: "limit reset",
    EventKind.REDIS_RESTARTED: "restarted",
    EventKind.REDIS_FAILED_OVER: "failover",
    EventKind.WARNING_RAISED: "warning",
    EventKind.WARNING_CLEARED: "cleared",
}
"""What a narrow column shows, where the subject is beside it."""
WARNINGS = {
    "crash_looping": "its processes are crash-looping",
    "not_claiming": "it does not claim jobs",
    "hanging": "a process hangs",
    "redis_memory": "its memory is nearly full",
}
"""Warnings of a worker, or of Redis where no worker is named, by their stable names."""
Fields = Mapping[str, str]


def label(event: SystemEvent) -> str:
    """One word for the kind; a kind that is not known here is shown as it is."""
    return LABELS.get(event.kind, event.kind)


def sentence(event: SystemEvent) -> str:
    """What happened, to what. Not safe for a terminal yet: names come from Redis."""
    write = _SENTENCES.get(event.kind)
    if write is None:
        return " ".join([event.kind, *(f"{name}={text}" for name, text in event.fields.items())])
    return write(event.fields)


def about(event: SystemEvent) -> str:
    """What it was about, beside its label. Not safe for a terminal yet."""
    fields = event.fields
    if event.kind == EventKind.RELEASE_CHANGED:
        return f"{fields.get('from', '?')} -> {fields.get('to', '?')}"
    if fields.get("queue"):
        ended = ": end of its pause" if fields.get("cause") == END_OF_PAUSE else ""
        return (
            f"queue {fields['queue']}{ended}{_until(fields) if not ended else ''}{_reason(fields)}"
        )
    if event.kind in (EventKind.WORKER_RESHAPED, EventKind.LIMIT_SET):
        return f"{event.subject or '?'}: {fields.get('to', '?')}"
    if fields.get("warning"):
        return f"{event.subject or 'Redis'}: {_warning(fields)}{_reason(fields)}"
    if event.kind not in _SENTENCES:
        return sentence(event)
    on = f" on {fields['release']}" if fields.get("release") else ""
    return f"{event.subject or 'Redis'}{on or _reason(fields)}"


def short(event: SystemEvent) -> str:
    """The same in a few words, as of a mark on a plot."""
    if event.kind == EventKind.RELEASE_CHANGED:
        return f"release {event.fields.get('to', '?')}"
    return f"{event.subject or 'Redis'} {label(event)}"


def _worker(fields: Fields) -> str:
    return f"worker {fields.get('worker', '?')}"


def _warned(fields: Fields) -> str:
    return _worker(fields) if fields.get("worker") else "Redis"


def _details(fields: Fields, *names: str) -> str:
    found = [f"{name} {fields[name]}" for name in names if fields.get(name)]
    return f" ({', '.join(found)})" if found else ""


def _reason(fields: Fields) -> str:
    return f": {fields['reason']}" if fields.get("reason") else ""


def _last_line(fields: Fields) -> str:
    return f" ({fields['last_line']})" if fields.get("last_line") else ""


def _author(fields: Fields) -> str:
    return f" by {fields['by']}" if fields.get("by") else ""


def _paused(fields: Fields) -> str:
    queue = f"queue {fields.get('queue', '?')}"
    return f"pause of {queue} changed" if fields.get("changed") == "1" else f"{queue} paused"


def _until(fields: Fields) -> str:
    until = number(fields.get("until"))
    return "" if until is None else f" until {moment(until, None)}"


def _resumed(fields: Fields) -> str:
    if fields.get("cause") != END_OF_PAUSE:
        return _author(fields)
    author = f" by {fields['paused_by']}" if fields.get("paused_by") else ""
    return f" by itself at the end of the pause{author}{_reason(fields)}"


def _hold_ended(fields: Fields) -> str:
    by_itself = fields.get("cause") == END_OF_HOLD
    return f" by itself, made{_author(fields)}" if by_itself else _author(fields)


def _before(fields: Fields) -> str:
    return f" (before: {fields['from']})" if fields.get("from") else ""


def _recovered(fields: Fields) -> str:
    dead = fields.get("dead", "0")
    jobs = f"{fields.get('returned', '?')} jobs returned to their queues"
    ended = "" if dead == "0" else f", {dead} are dead jobs"
    return f"{_worker(fields)} recovered{_author(fields)}: {jobs}{ended}"


def _warning(fields: Fields) -> str:
    name = fields.get("warning", "")
    return WARNINGS.get(name, name)


_SENTENCES: Mapping[str, Callable[[Fields], str]] = {
    EventKind.WORKER_STARTED: lambda f: (
        f"{_worker(f)} started{_details(f, 'release', 'version', 'queues')}"
    ),
    EventKind.WORKER_STOPPED: lambda f: f"{_worker(f)} stopped{_reason(f)}",
    EventKind.WORKER_LOST: lambda f: f"{_worker(f)} lost{_reason(f)}",
    EventKind.WORKER_RECOVERED: _recovered,
    EventKind.WORKER_RETURNED: lambda f: f"{_worker(f)} has a lease again",
    EventKind.WORKER_RESHAPED: lambda f: (
        f"{_worker(f)} reshaped{_author(f)}: {f.get('from', '?')} -> {f.get('to', '?')}"
    ),
    EventKind.PROCESS_CRASHED: lambda f: (
        f"process {f.get('process', '?')} crashed{_reason(f)}{_last_line(f)}"
    ),
    EventKind.PROCESS_ENDED: lambda f: (
        f"process {f.get('process', '?')} was ended by its worker{_reason(f)}"
    ),
    EventKind.RELEASE_CHANGED: lambda f: (
        f"release {f.get('from', '?')} -> {f.get('to', '?')} ({_worker(f)} started)"
    ),
    EventKind.QUEUE_PAUSED: lambda f: f"{_paused(f)}{_author(f)}{_until(f)}{_reason(f)}",
    EventKind.QUEUE_RESUMED: lambda f: f"queue {f.get('queue', '?')} resumed{_resumed(f)}",
    EventKind.HOLD_ADDED: lambda f: (
        f"hold {f.get('hold', '?')} on {f.get('rule', '?')} added{_author(f)}{_until(f)}{_reason(f)}"
    ),
    EventKind.HOLD_ENDED: lambda f: f"hold {f.get('hold', '?')} ended{_hold_ended(f)}",
    EventKind.LIMIT_SET: lambda f: (
        f"limit of {f.get('limit', '?')} set to {f.get('to', '?')}{_before(f)}{_author(f)}{_reason(f)}"
    ),
    EventKind.LIMIT_RESET: lambda f: (
        f"limit of {f.get('limit', '?')} reset{_before(f)}{_author(f)}"
    ),
    EventKind.REDIS_RESTARTED: lambda f: f"Redis restarted{_details(f, 'version')}",
    EventKind.REDIS_FAILED_OVER: lambda f: (
        f"another Redis server took over (failover){_details(f, 'version')}"
    ),
    EventKind.WARNING_RAISED: lambda f: f"{_warned(f)}: {_warning(f)}{_reason(f)}",
    EventKind.WARNING_CLEARED: lambda f: f"{_warned(f)}: no longer so: {_warning(f)}",
}
