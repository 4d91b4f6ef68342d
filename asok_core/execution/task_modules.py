"""Which tasks a job may name: ASOK_TASK_MODULES, and what is refused unless it is listed there."""

from __future__ import annotations

import sys
import types
from dataclasses import dataclass, field
from functools import partial

from asok_core.errors import InvalidTaskName, TaskNotAllowed
from asok_core.execution.import_path import about_hidden

ANY = ("*",)
"""The patterns that let every module be, but for what has to be named."""

_COMPUTE = {
    *("cmath", "datetime", "genericpath", "json", "math", "posixpath", "random"),
    *("statistics", "string", "textwrap", "time"),
}
"""What is harmless of Python's own library, whatever the arguments."""
_NEVER = (sys.stdlib_module_names | {"__main__", "asok_core", "asok_console"}) - _COMPUTE
_FUNCTIONS = (types.FunctionType, types.BuiltinFunctionType, types.MethodType, type)


@dataclass(frozen=True)
class TaskModules:
    """Patterns of tasks that may run: ``shop.tasks``, ``shop.*``, ``shop.tasks:send``, ``*``.

    ``shop.*`` is the package ``shop`` and all in it. Modules of Python and of this program run what their
    arguments say (``os:system``, ``builtins:eval``), so that ``*`` does not mean them: each has to be
    named.
    """

    patterns: tuple[str, ...] = ANY
    _known: dict[tuple[str, str], str] = field(default_factory=dict, repr=False, compare=False)

    def refusal(self, module: str, function: str) -> str:
        """Why a task of this name must not run, and what to do; empty when it may."""
        try:
            return self._known[module, function]
        except KeyError:
            found = self._refusal(module, function)
        if len(self._known) > _MOST_KNOWN:
            self._known.clear()
        self._known[module, function] = found
        return found

    def check(self, module: str, function: str) -> None:
        """Raise TaskNotAllowed for a name that must not run, InvalidTaskName where no worker has it."""
        why = self.refusal(module, function)
        if why and _is_never(module):
            # By the default of the setting it is refused everywhere, so it is a fault of the job.
            raise InvalidTaskName(f"{why}{about_hidden(module)}")
        if why:
            raise TaskNotAllowed(why)

    def check_found(self, module: str, found: object) -> None:
        """The same for the function that a module has under that name: it may be another module's."""
        owner = getattr(found, "__module__", None)
        if owner == module:
            return
        while isinstance(found, partial):
            found = found.func
            owner = getattr(found, "__module__", None)
        if owner == module or not isinstance(owner, str) or not isinstance(found, _FUNCTIONS):
            return
        if _is_never(module):
            return  # It was named, and Python has it from a module in C.
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
                f"{task} is refused: it belongs to Python or to the queue itself, and may do whatever its "
                f"arguments say; write a task of your own, or add {module}:{function} to "
                f"ASOK_TASK_MODULES ({_shown(self.patterns)})"
            )
        return f"{task} is refused: ASOK_TASK_MODULES ({_shown(self.patterns)}) does not list it"


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
