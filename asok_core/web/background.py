"""The application object: background tasks with the lifetime of a web application.

::

    background = Background()
    app.wsgi_app = background.wsgi(app.wsgi_app)

    @app.post("/orders")
    def order():
        request.environ["asok.app"].background(send_receipt, order_id=7)
"""

from __future__ import annotations

import functools
import signal
import sys
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Self, cast

from asok_core.api.client import make_backend, record_of
from asok_core.api.signatures import AppBackground
from asok_core.backends.application import ApplicationBackend
from asok_core.execution.tasks import check_runs
from asok_core.jobs.calls import make_call
from asok_core.jobs.futures import JobFuture, checked_id
from asok_core.jobs.job import JobRecord
from asok_core.settings.settings import Settings

if TYPE_CHECKING:
    from asok_core.web.middleware import (
        ASGIApplication,
        ASGIMiddleware,
        WSGIApplication,
        WSGIMiddleware,
    )

SHUTDOWN_TIMEOUT = 20.0
"""Seconds. Servers and supervisors kill a process 30 s after they sent it SIGTERM."""


class Background:
    """The background tasks of one application.

    Args:
        bg_workers: Threads of the local backend; the default is ``BG_WORKERS``.
        settings: The settings; by default read from the environment with the first task.
        shutdown_timeout: Seconds that a shutdown of the application waits for its tasks.
        sigterm: Install a handler that shuts down on SIGTERM, if there is none. Python's default
            ends the process and its tasks at once.

    Tasks that do not finish in time are logged by name. A forked process starts without tasks, so
    the object may be created before a server forks.

    Examples:
        >>> from math import factorial
        >>> app = Background(bg_workers=2, settings=Settings(), sigterm=False)
        >>> app.background(factorial, 5).result(timeout=30)
        120
        >>> app.shutdown()
        True
    """

    def __init__(
        self,
        bg_workers: int | None = None,
        *,
        settings: Settings | None = None,
        shutdown_timeout: float = SHUTDOWN_TIMEOUT,
        sigterm: bool = True,
    ) -> None:
        if bg_workers is not None and bg_workers < 1:
            raise ValueError(f"bg_workers is {bg_workers}; it must be 1 or more")
        self._bg_workers = bg_workers
        self._settings = settings
        self._shutdown_timeout = shutdown_timeout
        self._backend: ApplicationBackend | None = None
        self._closed = False
        self._lock = threading.Lock()
        if sigterm:
            _end_in_order_on_sigterm()

    def _background(
        self, fn: Callable[..., Any] | None = None, /, *args: Any, **kwargs: Any
    ) -> Any:
        """Run ``fn(*args, **kwargs)`` in the background, with the options of ``background``.

        ``app.background(f)`` enqueues ``f``. Without a function it is a decorator:
        ``@app.background()`` or ``@app.background(_retries=3)`` makes each call of the function
        a job, whose future it returns.

        Raises:
            RuntimeError: After ``shutdown``; and what ``background`` raises.
        """
        if fn is not None:
            return self._open().enqueue(make_call(fn, *args, **kwargs))

        def decorate(function: Callable[..., Any]) -> Callable[..., JobFuture[Any]]:
            check_runs(function)
            make_call(
                function, **kwargs
            )  # An invalid option is refused here, not at the first call.

            @functools.wraps(function)
            def enqueue(*its_args: Any, **its_kwargs: Any) -> JobFuture[Any]:
                call = make_call(function, *its_args, **its_kwargs, **kwargs)
                return self._open().enqueue(call)

            enqueue.__asok_function__ = function  # type: ignore[attr-defined]  # for workers
            return enqueue

        return decorate

    background: AppBackground = cast("AppBackground", _background)

    def _open(self) -> ApplicationBackend:
        backend = self._backend
        if backend is None or self._closed:
            with self._lock:
                if self._closed:
                    raise RuntimeError("the application was shut down; it accepts no more tasks")
                if self._backend is None:
                    settings = self._settings or Settings.load()
                    self._backend = make_backend(
                        settings, bg_workers=self._bg_workers, exit_timeout=self._shutdown_timeout
                    )
                backend = self._backend
        return backend

    def get_job(self, job_id: str) -> JobRecord:
        """The record of a job. Raises JobNotFound if it does not exist or has expired."""
        return record_of(self._backend or self._open(), job_id)

    def cancel(self, job_id: str) -> bool:
        """Cancel a pending, scheduled or retrying job. True if it will not run."""
        return (self._backend or self._open()).cancel(checked_id(job_id))

    def shutdown(self, wait: bool = True, timeout: float | None = None) -> bool:
        """Accept no more tasks and wait for the unfinished ones.

        Waits at most ``timeout`` seconds, or without limit if it is None; with ``wait`` False not
        at all. Tasks that do not finish are logged by name. Tasks on Redis are not waited for, as
        workers run them. Returns whether all tasks finished.
        """
        with self._lock:
            self._closed = True
            backend = self._backend
        return backend is None or backend.shutdown(wait=wait, timeout=timeout)

    def close(self) -> None:
        """Shut down, waiting for ``shutdown_timeout`` seconds at most."""
        self.shutdown(timeout=self._shutdown_timeout)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def wsgi(self, application: WSGIApplication) -> WSGIMiddleware:
        """Wrap a WSGI application: ``environ["asok.app"]`` is this object in each request."""
        from asok_core.web.middleware import WSGIMiddleware

        return WSGIMiddleware(application, self)

    def asgi(self, application: ASGIApplication) -> ASGIMiddleware:
        """Wrap an ASGI application: ``scope["asok.app"]`` is this object in each request."""
        from asok_core.web.middleware import ASGIMiddleware

        return ASGIMiddleware(application, self)


def _end_in_order_on_sigterm() -> None:
    if threading.current_thread() is not threading.main_thread():
        return
    if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
