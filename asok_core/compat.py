"""Every private part of a library that the core uses, and what takes its place where a release lacks it.

Each function returns whether the part was there. Otherwise its caller goes the public way, which is slower
and does the same, but for one limit that :func:`replace_waiters` names. ``tests/runtime/test_compat.py``
fails when a part is missing, and runs the public ways.
"""

from __future__ import annotations

import atexit
import threading
from collections.abc import Callable
from concurrent.futures import Future
from importlib import import_module
from traceback import TracebackException
from typing import Any


def socket_of(connection: Any) -> Any | None:
    """redis-py: the socket of an open connection.

    By it commands and replies go past redis-py's care for retries, caches and resent commands (a fifth of
    a round trip), and a thread waits for several connections.
    """
    found = getattr(connection, "_sock", None)
    has_all = all(hasattr(found, name) for name in ("sendall", "recv_into", "fileno", "close"))
    return found if has_all else None


def replace_waiters(future: Future[Any], waiters: list[Any]) -> bool:
    """concurrent.futures: let ``wait`` and ``as_completed`` use a list of ours.

    They call no method of a future. Without it a job is watched from the moment that it is enqueued,
    and such a wait in a task is not counted when deadlocks are looked for.
    """
    if not isinstance(getattr(future, "_waiters", None), list):
        return False
    future._waiters = waiters  # noqa: SLF001
    return True


def call_before_exit(finish: Callable[[], None]) -> bool:
    """threading: call ``finish`` when the process ends, while threads can still be started.

    Without it ``atexit`` calls ``finish``, when tasks can start no thread. Raises RuntimeError where the
    process is ending already.
    """
    # Executors end by the same means; of these calls the one registered last comes first.
    import_module("concurrent.futures.thread")
    register = getattr(threading, "_register_atexit", None)
    (register or atexit.register)(finish)
    return register is not None


def cut_message(error: TracebackException, limit: int) -> bool:
    """traceback: keep the end of a long message before it is formatted, since each copy costs.

    Without it the whole message is formatted and cut then.
    """
    text = getattr(error, "_str", None)
    if not isinstance(text, str):
        return False
    if len(text) > limit:
        error._str = text[-limit:]  # type: ignore[attr-defined]  # noqa: SLF001
    return True
