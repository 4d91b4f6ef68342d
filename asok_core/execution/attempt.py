"""One run of a task, on any backend: coroutines and the soft timeout."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from types import GeneratorType
from typing import Any

from asok_core.errors import JobCancelled, JobTimeout
from asok_core.execution import cancellation
from asok_core.jobs.futures import JobFuture
from asok_core.jobs.plain import described, is_lazy
from asok_core.runtime import failures, forks
from asok_core.runtime.deadline import call_limited

failures.CALLERS.add(__file__)


def run(
    function: Callable[..., Any],
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    timeout: float | None = None,
    *,
    generation: int | None = None,
) -> Any:
    """Call the task in this thread and return its result.

    A coroutine or other awaitable runs to completion on a new event loop in this thread and
    context, which also waits for the Future of an executor. In a process that was forked since
    ``generation`` was ``forks.generation`` this does not return.

    Raises:
        JobTimeout: It ran longer than ``timeout`` seconds.
        TypeError: The task returned an object whose code has not run and cannot be run here.
        BaseException: Any exception of the task.
    """
    began_in = forks.generation if generation is None else generation
    forks.end_if_forked(began_in, function)
    if timeout is None:
        result, continues = _called(function, args, kwargs, began_in)
    else:
        call = partial(_called, function, args, kwargs, began_in)
        result, continues = call_limited(timeout, call)
    if not continues:
        return result
    return asyncio.run(_awaited(function, result, timeout, began_in))


def _called(
    function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any], began_in: int
) -> tuple[Any, bool]:
    """Call the task; return its result and whether that must be awaited."""
    try:
        result = function(*args, **kwargs)
    except BaseException as error:
        forks.end_if_forked(began_in, function, error)
        raise
    forks.end_if_forked(began_in, function)
    return result, type(result) not in _FINAL and _continues(result)


_FINAL = frozenset({type(None), bool, int, float, str, bytes, list, dict, tuple, set})
"""Types of most results, which never need to be awaited."""


def _continues(result: object) -> bool:
    """Whether a result must be awaited. Raises TypeError if that is impossible."""
    # By its type: isinstance() would evaluate a lazy object, and may raise.
    kind = type(result)
    if issubclass(kind, JobFuture):
        # Waiting for a job would occupy a slot, and could cause a deadlock.
        raise TypeError(
            "the task returned the future of another job, which is not waited for: return its "
            "job_id or its result()"
        )
    if hasattr(kind, "__await__") or issubclass(kind, Future):
        return True
    if issubclass(kind, GeneratorType) and inspect.isawaitable(result):
        return True
    if is_lazy(kind):
        what = "an async generator" if issubclass(kind, AsyncGenerator) else described(result)
        raise TypeError(
            f"the task returned {what}, which is not iterated over: loop over it inside the task, "
            "and return a list or nothing"
        )
    return False


async def _awaited(
    function: Callable[..., Any], result: Any, seconds: float | None, began_in: int
) -> Any:
    limit = asyncio.timeout(seconds)
    stop, own = cancellation.running.get(), asyncio.current_task()
    if stop is not None and own is not None:
        loop = asyncio.get_running_loop()
        stop.await_with(partial(_cancel_soon, loop, own))
    try:
        async with limit:
            while _continues(result):
                result = await _own(result)
            # Before the loop is closed, which would change an epoll shared with the parent process.
            forks.end_if_forked(began_in, function)
            return result
    except BaseException as error:
        forks.end_if_forked(began_in, function, error)
        if isinstance(error, TimeoutError) and limit.expired():
            raise JobTimeout(f"it ran longer than its timeout of {seconds:g} s") from error
        if stop is not None and stop.insisted and isinstance(error, asyncio.CancelledError):
            raise JobCancelled(cancellation.BY_OPERATOR) from error
        raise


def _cancel_soon(loop: asyncio.AbstractEventLoop, task: asyncio.Task[Any]) -> None:
    # The loop is closed where the coroutine has just ended.
    with suppress(RuntimeError):
        loop.call_soon_threadsafe(task.cancel)


def _own(result: Any) -> Any:
    """Make the result awaitable on this event loop."""
    if issubclass(type(result), Future):
        return asyncio.wrap_future(result)
    loop = asyncio.get_running_loop()
    if (
        issubclass(type(result), asyncio.Future)
        and not result.done()
        and result.get_loop() is not loop
    ):
        raise TypeError(
            f"the task returned {type(result).__name__} of another event loop, which cannot be "
            "awaited: return its result, or make the task an async function"
        )
    return result
