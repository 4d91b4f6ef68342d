"""ASOK_TASK_MODULES: which tasks a worker may run."""

from __future__ import annotations

import sys
import types
from dataclasses import dataclass, field
from functools import partial

from asok_core.errors import InvalidTaskName, TaskNotAllowed
from asok_core.execution.import_path import about_hidden

ANY = ("*",)
"""The patterns that allow every module except those that must be named."""

_COMPUTE = {
    *("cmath", "datetime", "genericpath", "json", "math", "posixpath", "random"),
    *("statistics", "string", "textwrap", "time"),
}
"""Functions of the standard library that are harmless with any arguments."""
_NEVER = (sys.stdlib_module_names | {"__main__", "asok_core", "asok_console"}) - _COMPUTE
_FUNCTIONS = (types.FunctionType, types.BuiltinFunctionType, types.MethodType, type)


@dataclass(frozen=True)
class TaskModules:
    """Patterns of tasks that may run: ``shop.tasks``, ``shop.*``, ``shop.tasks:send``, ``*``.

    ``shop.*`` is the package ``shop`` with all its modules. Functions of the standard library and
    of this program can run code from their arguments (``os:system``, ``builtins:eval``), so ``*``
    does not include them: each must be named.
    """

    patterns: tuple[str, ...] = ANY
    _known: dict[tuple[str, str], str] = field(default_factory=dict, repr=False, compare=False)

    def refusal(self, module: str, function: str) -> str:
        """Why a task is not allowed, and what to do; empty if it is."""
        try:
            return self._known[module, function]
        except KeyError:
            found = self._refusal(module, function)
        if len(self._known) > _MOST_KNOWN:
            self._known.clear()
        self._known[module, function] = found
        return found

    def check(self, module: str, function: str) -> None:
        """Raise TaskNotAllowed for a task that is not allowed, InvalidTaskName if no worker allows it."""
        why = self.refusal(module, function)
        if why and _is_never(module):
            # The default of the setting refuses it too, so the fault is in the job.
            raise InvalidTaskName(f"{why}{about_hidden(module)}")
        if why:
            raise TaskNotAllowed(why)

    def check_found(self, module: str, found: object) -> None:
        """Check the function found under that name, which may be from another module."""
        owner = getattr(found, "__module__", None)
        if owner == module:
            return
        while isinstance(found, partial):
            found = found.func
            owner = getattr(found, "__module__", None)
        if owner == module or not isinstance(owner, str) or not isinstance(found, _FUNCTIONS):
            return
        if _is_never(module):
            return  # It is named; its own module is one in C.
        name = getattr(found, "__name__", "")
        if self.patterns != ANY or _is_never(owner):
            self.check(owner, str(name))

    def _refusal(self, module: str, function: str) -> str:
        named = any(_names(pattern, module, function) for pattern in self.patterns)
        if named or ("*" in self.patterns and not _is_never(module)):
            return ""
        task = f"{module}.{function}"
        if _is_never(module):
            return (
                f"{task} is refused: it is part of Python or of this package, and could run code "
                f"from its arguments; write a task of your own, or add {module}:{function} to "
                f"ASOK_TASK_MODULES ({_shown(self.patterns)})"
            )
        return f"{task} is refused: ASOK_TASK_MODULES ({_shown(self.patterns)}) does not allow it"


_MOST_KNOWN = 10_000


def _is_never(module: str) -> bool:
    return module.partition(".")[0] in _NEVER


def _names(pattern: str, module: str, function: str) -> bool:
    where, _, name = pattern.partition(":")
    if where.endswith(".*"):
        package = where[:-2]
        return module == package or module.startswith(f"{package}.")
    return where == module and name in ("", function)


def _shown(patterns: tuple[str, ...]) -> str:
    text = ",".join(patterns)
    return text if len(text) <= 200 else text[:200] + "..."


ANY_TASK = TaskModules()
"""The default of the setting."""
