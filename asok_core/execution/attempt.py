"""One run of a task, wherever it runs: coroutines, soft timeout, what is kept of its end."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from concurrent.futures import Future
from functools import partial
from types import GeneratorType
from typing import Any

from asok_core.errors import JobTimeout
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

    A coroutine, or anything else that can be awaited, runs to its end on an event loop of its own, in
    this thread and context; the Future of an executor is waited for there.
    It does not return in a process that was forked since ``generation`` was ``forks.generation``.

    Raises:
        JobTimeout: It ran longer than ``timeout`` seconds.
        TypeError: The task returned something that has not run, and that nothing here can run.
        BaseException: Whatever the task raises.
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
    """What the task returned, and whether that must be waited for."""
    try:
        result = function(*args, **kwargs)
    except BaseException as error:
        forks.end_if_forked(began_in, function, error)
        raise
    forks.end_if_forked(began_in, function)
    return result, type(result) not in _FINAL and _continues(result)


_FINAL = frozenset({type(None), bool, int, float, str, bytes, list, dict, tuple, set})
"""Types of most results, none of which can hold work that is left to do."""


def _continues(result: object) -> bool:
    """Whether what a task returned must be waited for. Raises TypeError where that is impossible."""
    # By its type alone: a lazy object would be evaluated by isinstance(), and may raise.
    kind = type(result)
    if issubclass(kind, JobFuture):
        # A slot that waits for a job holds up a worker, in the end for ever.
        raise TypeError(
            "the task returned the future of another job, which is not waited for: "
            "return its job_id, or what its result() returns"
        )
    if hasattr(kind, "__await__") or issubclass(kind, Future):
        return True
    if issubclass(kind, GeneratorType) and inspect.isawaitable(result):
        return True
    if is_lazy(kind):
        what = "an async generator" if issubclass(kind, AsyncGenerator) else described(result)
        raise TypeError(
            f"the task returned {what}, which nothing runs: "
            "loop over it inside the task, and return a list or nothing"
        )
    return False


async def _awaited(
    function: Callable[..., Any], result: Any, seconds: float | None, began_in: int
) -> Any:
    limit = asyncio.timeout(seconds)
    try:
        async with limit:
            while _continues(result):
                result = await _own(result)
            # Before the end of the loop, which would change an epoll that parent and child share.
            forks.end_if_forked(began_in, function)
            return result
    except BaseException as error:
        forks.end_if_forked(began_in, function, error)
        if isinstance(error, TimeoutError) and limit.expired():
            raise JobTimeout(f"it ran longer than its timeout of {seconds:g} s") from error
        raise


def _own(result: Any) -> Any:
    """What was returned, as this event loop can await it."""
    if issubclass(type(result), Future):
        return asyncio.wrap_future(result)
    loop = asyncio.get_running_loop()
    if (
        issubclass(type(result), asyncio.Future)
        and not result.done()
        and result.get_loop() is not loop
    ):
        raise TypeError(
            f"the task returned {type(result).__name__} of another event loop, which is not waited "
            "for: return its result, or make the task an async function"
        )
    return result
