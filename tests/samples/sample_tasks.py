"""Tasks that tests enqueue: a module that a worker can import."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from asok_core import current_request, task

Function = Callable[..., Any]


def add(a: int, b: int = 0) -> int:
    return a + b


def fail(message: str = "refused") -> None:
    raise ConnectionError(message)


def leave() -> None:
    raise SystemExit(3)


def path_of_request() -> str:
    return str(current_request.path)


def takes_executor(executor: str, fn: str = "", args: str = "") -> str:
    return executor + fn + args


@task(queue="high", retries=2, backoff=3)
def decorated(number: int) -> int:
    return number * 2


@task
async def coroutine(number: int) -> int:
    return number * 3


def doubled(function: Function) -> Function:
    @functools.wraps(function)
    def wrapper(*args: Any) -> Any:
        return 2 * function(*args)

    return wrapper


@doubled
def wrapped(number: int) -> int:
    return number


def nameless(function: Function) -> Function:
    def wrapper(*args: Any) -> Any:
        return function(*args)

    wrapper.__qualname__ = "wrapper"
    return wrapper


@nameless
def renamed(number: int) -> int:
    return number


def shadowed() -> int:
    return 1


first_shadowed = shadowed


def shadowed() -> int:  # type: ignore[no-redef]  # the point of the test
    return 2


class Mailer:
    def send(self) -> None:
        """A bound method."""

    @staticmethod
    def send_all() -> None:
        """A function of a class."""

    def __call__(self) -> None:
        """An object that can be called."""


not_callable = 7
lambda_task = lambda: 1  # noqa: E731 - the point of the test
