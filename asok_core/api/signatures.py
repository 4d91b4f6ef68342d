"""The type of ``background`` for type checkers: it takes the parameters of the task.

Python cannot express "the parameters of ``fn`` and these options". So a call without options is
checked against the signature of the task, and each further overload accepts calls with one option.
Calls of a ``@task`` are checked in both cases: ``send.options(queue="high").delay(user_id)``.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, ParamSpec, Protocol, TypeVar, overload

from asok_core.jobs.calls import Kept
from asok_core.jobs.checks import Delay, Moment
from asok_core.jobs.futures import JobFuture

P = ParamSpec("P")
R = TypeVar("R")
AnyTask = Callable[..., Any]
AnyFuture = JobFuture[Any]


class BackgroundFunction(Protocol):
    """The type of ``background``."""

    @overload
    def __call__(
        self, fn: Callable[P, Coroutine[Any, Any, R]], /, *args: P.args, **kwargs: P.kwargs
    ) -> JobFuture[R]: ...
    @overload
    def __call__(
        self, fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs
    ) -> JobFuture[R]: ...
    @overload
    def __call__(self, fn: AnyTask, /, *args: Any, _queue: str, **kwargs: Any) -> AnyFuture: ...
    @overload
    def __call__(self, fn: AnyTask, /, *args: Any, _retries: int, **kwargs: Any) -> AnyFuture: ...
    @overload
    def __call__(self, fn: AnyTask, /, *args: Any, _backoff: float, **kwargs: Any) -> AnyFuture: ...
    @overload
    def __call__(
        self, fn: AnyTask, /, *args: Any, _timeout: float | None, **kwargs: Any
    ) -> AnyFuture: ...
    @overload
    def __call__(
        self, fn: AnyTask, /, *args: Any, _delay: Delay | None, **kwargs: Any
    ) -> AnyFuture: ...
    @overload
    def __call__(
        self, fn: AnyTask, /, *args: Any, _at: Moment | None, **kwargs: Any
    ) -> AnyFuture: ...
    @overload
    def __call__(
        self, fn: AnyTask, /, *args: Any, _unique: str | None, **kwargs: Any
    ) -> AnyFuture: ...
    @overload
    def __call__(
        self, fn: AnyTask, /, *args: Any, _keep_result: Kept, **kwargs: Any
    ) -> AnyFuture: ...


class MakeBackground(Protocol):
    """The decorator that ``app.background(...)`` without a function returns."""

    @overload
    def __call__(self, fn: Callable[P, Coroutine[Any, Any, R]], /) -> Callable[P, JobFuture[R]]: ...
    @overload
    def __call__(self, fn: Callable[P, R], /) -> Callable[P, JobFuture[R]]: ...


class AppBackground(Protocol):
    """The type of ``app.background``: as ``background``; without a function it is a decorator."""

    # A subclass cannot add an overload to those that it inherits: it declares all of them again.

    @overload
    def __call__(
        self,
        *,
        _queue: str = ...,
        _retries: int = ...,
        _backoff: float = ...,
        _timeout: float | None = ...,
        _delay: Delay | None = ...,
        _at: Moment | None = ...,
        _unique: str | None = ...,
        _keep_result: Kept = ...,
    ) -> MakeBackground: ...
    @overload
    def __call__(
        self, fn: Callable[P, Coroutine[Any, Any, R]], /, *args: P.args, **kwargs: P.kwargs
    ) -> JobFuture[R]: ...
    @overload
    def __call__(
        self, fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs
    ) -> JobFuture[R]: ...
    @overload
    def __call__(self, fn: AnyTask, /, *args: Any, _queue: str, **kwargs: Any) -> AnyFuture: ...
    @overload
    def __call__(self, fn: AnyTask, /, *args: Any, _retries: int, **kwargs: Any) -> AnyFuture: ...
    @overload
    def __call__(self, fn: AnyTask, /, *args: Any, _backoff: float, **kwargs: Any) -> AnyFuture: ...
    @overload
    def __call__(
        self, fn: AnyTask, /, *args: Any, _timeout: float | None, **kwargs: Any
    ) -> AnyFuture: ...
    @overload
    def __call__(
        self, fn: AnyTask, /, *args: Any, _delay: Delay | None, **kwargs: Any
    ) -> AnyFuture: ...
    @overload
    def __call__(
        self, fn: AnyTask, /, *args: Any, _at: Moment | None, **kwargs: Any
    ) -> AnyFuture: ...
    @overload
    def __call__(
        self, fn: AnyTask, /, *args: Any, _unique: str | None, **kwargs: Any
    ) -> AnyFuture: ...
    @overload
    def __call__(
        self, fn: AnyTask, /, *args: Any, _keep_result: Kept, **kwargs: Any
    ) -> AnyFuture: ...
