"""The names of tasks: which functions a worker can import, and how it does."""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

from asok_core.errors import InvalidTaskName, TaskImportFailed, TaskNotFound
from asok_core.execution.import_path import about_hidden
from asok_core.execution.task_modules import ANY_TASK, TaskModules
from asok_core.jobs.calls import OPTIONS_ATTRIBUTE, Options, function_of
from asok_core.jobs.job import Job, task_name
from asok_core.jobs.plain import described
from asok_core.jobs.retry_rules import NO_RULES, RetryRules

_known: dict[Callable[..., Any], tuple[str, str]] = {}


def reference(task: Callable[..., Any]) -> tuple[str, str]:
    """``(module, function)``: the names by which a worker imports this task.

    Raises:
        ValueError: A worker could not import it. The message says why, and what to do.
    """
    try:
        return _known[task]
    except (KeyError, TypeError):
        pass
    function = function_of(task)
    problem = runs_nothing(function) or _problem(function)
    if problem:
        raise ValueError(f"{_shown(function)} cannot be queued on Redis: {problem}")
    names = (function.__module__, function.__name__)
    _known[task] = names
    return names


def known_task(name: str) -> Callable[..., Any] | None:
    """The function that a record names, if its module is already imported."""
    module, _, function = name.rpartition(".")
    found = _imported(module, function)
    return function_of(found) if callable(found) else None


def declared_rules(job: Job) -> RetryRules:
    """The rules that the ``@task`` of a job declares in this process, whose module is imported."""
    options: object = None
    with suppress(BaseException):
        # A module may compute its attributes.
        options = getattr(_imported(job.module, job.function), OPTIONS_ATTRIBUTE, None)
    return options.rules if type(options) is Options else NO_RULES


def _imported(module: str, function: str) -> object:
    """What a module has by a name, None if it has nothing or is not imported."""
    return getattr(sys.modules.get(module), function, None)


def _shown(function: object) -> str:
    if not callable(function):
        return described(function)
    return task_name(function) if hasattr(function, "__module__") else repr(function)


def _problem(function: Callable[..., Any]) -> str | None:
    if inspect.ismethod(function):
        return "it is a method; write a module-level function that takes the object's id"
    if not hasattr(function, "__name__") or not hasattr(function, "__qualname__"):
        what = described(function)
        return f"it is {what} object, not a function; wrap the call in a module-level function"
    if function.__name__ == "<lambda>":
        return "a lambda has no name that a worker can import; write a module-level function"
    if "<locals>" in function.__qualname__:
        return "it is defined inside a function; move it to the top level of its module"
    if function.__module__ == "__main__":
        return (
            "it is defined in __main__, which is another file in the worker; "
            "move it to a module that both can import"
        )
    return _missing(function)


def runs_nothing(function: object) -> str:
    """Why a call of this function does not run its code, and what to do; empty if it does."""
    if not callable(function):
        return _NOT_CALLABLE
    code = getattr(function, "__code__", None)
    if code is not None and code.co_flags & _GENERATOR_FLAGS not in _GENERATORS:
        return ""
    for each in (function, getattr(function, "__call__", None)):  # noqa: B004 - an object's method
        if inspect.isasyncgenfunction(each):
            return f"it is an async generator function, {_NOT_RUN}"
        if inspect.isgeneratorfunction(each):
            return f"it is a generator function, {_NOT_RUN}"
    return ""


# The result of types.coroutine, applied to a generator function, is awaited.
_GENERATOR_FLAGS = inspect.CO_GENERATOR | inspect.CO_ASYNC_GENERATOR | inspect.CO_ITERABLE_COROUTINE
_GENERATORS = (inspect.CO_GENERATOR, inspect.CO_ASYNC_GENERATOR)
_NOT_RUN = (
    "so a call does not run its code; loop over it in a function that returns a list or nothing"
)


_NOT_CALLABLE = (
    "it is not a function; pass the function and its arguments, as in background(send, 1) and not "
    "background(send(1))"
)


def check_runs(task: Callable[..., Any]) -> None:
    """Raise ValueError if a job of this task would not run its code."""
    function = function_of(task)
    problem = runs_nothing(function)
    if problem:
        raise ValueError(f"{_shown(function)} cannot be a task: {problem}")


def _missing(function: Callable[..., Any]) -> str | None:
    if "." in function.__qualname__:
        return "it belongs to a class; move it to a module-level function"
    module = sys.modules.get(function.__module__)
    name = f"{function.__module__}.{function.__name__}"
    found = getattr(module, function.__name__, None)
    if found is None:
        return f"{name} does not exist; is it a wrapper with the name of another function?"
    if function_of(found) is not function:
        return (
            f"{name} is another function; use functools.wraps in the decorator and enqueue the "
            "decorated function"
        )
    return None


def import_all(modules: Iterable[str]) -> None:
    """Import modules, as ASOK_IMPORTS names them.

    Raises:
        TaskNotFound: One does not exist.
        TaskImportFailed: One raised an error on import.
    """
    for module in modules:
        try:
            __import__(module)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            raise _import_error(module, error) from error


def resolve(module: str, function: str, allowed: TaskModules = ANY_TASK) -> Callable[..., Any]:
    """Import the task that a job names; for a ``@task``, return its function.

    Raises:
        TaskNotFound: The module or the function does not exist. The message says which.
        InvalidTaskName: The names cannot be those of a task.
        TaskNotAllowed: ``allowed`` does not include it; nothing is imported.
        TaskImportFailed: The module raised an error on import. The next attempt imports it again.
    """
    if function.startswith("__") or not function.isidentifier():
        raise InvalidTaskName(f"{function!r} in module {module!r} cannot name a task")
    if not module or module.startswith(".") or not module.isprintable():
        raise InvalidTaskName(f"{module!r} cannot name a module")
    allowed.check(module, function)
    try:
        # Not import_module: for a module that is already imported this is ten times faster.
        __import__(module)
        found = getattr(sys.modules[module], function, None)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        # A module that calls sys.exit() on import must not end the worker.
        raise _import_error(module, error) from error
    if found is None:
        raise TaskNotFound(f"module {module!r} has no function {function!r}{about_hidden(module)}")
    if not callable(found):
        raise TaskNotFound(f"{module}.{function} is {described(found)}, not a function")
    found = function_of(found)
    allowed.check_found(module, found)
    return found


def _import_error(module: str, error: BaseException) -> TaskNotFound | TaskImportFailed:
    """TaskNotFound if the module itself is missing, TaskImportFailed if its import failed."""
    if isinstance(error, ModuleNotFoundError) and f"{module}.".startswith(f"{error.name}."):
        # A file that is being written must be found by the next attempt.
        importlib.invalidate_caches()
        return TaskNotFound(f"module {module!r} cannot be imported: {error}{about_hidden(module)}")
    return TaskImportFailed(f"module {module!r} cannot be imported")
