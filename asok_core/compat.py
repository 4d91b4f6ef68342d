"""The private parts of libraries that the core uses, each with a fallback for releases without it.

Each function returns whether the part exists. If it does not, the caller uses the public way, which
is slower and otherwise equivalent, except for the limits described in :func:`replace_waiters`,
:func:`is_called_by_asyncio` and :func:`is_asyncio_callback`.
``tests/runtime/test_compat.py`` fails when a part is missing, and tests the fallbacks.
"""

from __future__ import annotations

import atexit
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future
from importlib import import_module
from traceback import TracebackException
from typing import Any


def socket_of(connection: Any) -> Any | None:
    """redis-py: the socket of an open connection.

    Direct use of the socket skips redis-py's handling of retries and caches (a fifth of the
    latency), and lets a thread wait for several connections.
    """
    found = getattr(connection, "_sock", None)
    has_all = all(hasattr(found, name) for name in ("sendall", "recv_into", "fileno", "close"))
    return found if has_all else None


def replace_waiters(future: Future[Any], waiters: list[Any]) -> bool:
    """concurrent.futures: make ``wait`` and ``as_completed`` use our list of waiters.

    They do not call any method of a future. Without this part a job is watched from the moment that
    it is enqueued, and the deadlock check does not count such a wait in a task.
    """
    if not isinstance(getattr(future, "_waiters", None), list):
        return False
    future._waiters = waiters  # noqa: SLF001
    return True


_ASYNCIO_FUTURES = "asyncio.futures"
"""The module in which ``asyncio.wrap_future`` connects a future of a loop with one of threads."""


def is_called_by_asyncio() -> bool:
    """asyncio: whether it called the method that asks, as it cancels what an ended ``await`` waited for.

    Without this part an ``await`` that is cancelled cancels the job.
    """
    return sys._getframe(2).f_globals.get("__name__") == _ASYNCIO_FUTURES  # noqa: SLF001


def is_asyncio_callback(callback: Callable[..., object]) -> bool:
    """asyncio: whether a callback of a future wakes an ``await``.

    Without this part the deadlock check does not count such a wait in a task.
    """
    return getattr(callback, "__module__", None) == _ASYNCIO_FUTURES


def call_before_exit(finish: Callable[[], None]) -> bool:
    """threading: call ``finish`` when the process ends, while threads can still be started.

    Without this part ``atexit`` calls ``finish``, at a time when no new thread can be started.
    Raises RuntimeError if the process is already exiting.
    """
    # Executors shut down through the same registry; the function registered last is called first.
    import_module("concurrent.futures.thread")
    register = getattr(threading, "_register_atexit", None)
    (register or atexit.register)(finish)
    return register is not None


def cut_message(error: TracebackException, limit: int) -> bool:
    """traceback: keep only the end of a long message before it is formatted, as each copy is expensive.

    Without this part the whole message is formatted and then cut.
    """
    text = getattr(error, "_str", None)
    if not isinstance(text, str):
        return False
    if len(text) > limit:
        error._str = text[-limit:]  # type: ignore[attr-defined]  # noqa: SLF001
    return True
