"""The annotations of a task, each evaluated separately and only when it is needed."""

from __future__ import annotations

import asyncio
import concurrent.futures
import inspect
import typing
from collections.abc import Awaitable, Callable, Collection, Coroutine
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any
from weakref import WeakKeyDictionary

NOTHING = inspect.Parameter.empty
"""The value of a missing annotation."""

_AWAITED = (Awaitable, Coroutine, asyncio.Future, asyncio.Task, concurrent.futures.Future)


@dataclass(frozen=True, slots=True)
class EvaluatedAnnotation:
    """An evaluated annotation; ``problem`` says why it could not be evaluated, for ``cause``."""

    type: Any = NOTHING
    problem: str = ""
    cause: Exception | None = field(default=None, compare=False, repr=False)

    @property
    def usable(self) -> bool:
        """Whether there is an annotation, and it could be evaluated."""
        return self.type is not NOTHING

    def needed(self) -> EvaluatedAnnotation:
        """This hint if it is usable. Raises TypeError with the reason otherwise."""
        if not self.usable:
            raise TypeError(self.problem or "there is no annotation") from self.cause
        return self

    def __str__(self) -> str:
        if not self.usable:
            return "(none)"
        if isinstance(self.type, type) and not typing.get_args(self.type):
            return self.type.__qualname__
        # Python 3.13 shows where Path is defined, not where it is imported from.
        shown = str(self.type).replace("typing.", "").replace("pathlib._local.", "pathlib.")
        return shown[:200]


class Annotations:
    """The annotations of a function's parameters and result."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.known = True
        """Whether the parameters of the function are known."""
        try:
            signature = inspect.signature(function)
        except (TypeError, ValueError):
            signature, self.known = inspect.Signature(), False  # a function in C
        # Not the function itself: the cache below would keep it alive.
        owner = inspect.unwrap(function)
        self._scope: dict[str, Any] = getattr(owner, "__globals__", {})
        self._type_params = getattr(owner, "__type_params__", ())
        self._parameters = signature.parameters
        self._returns = signature.return_annotation
        self._positional = [
            each
            for each in self._parameters.values()
            if each.kind in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD)
        ]
        self._hints: dict[str, tuple[EvaluatedAnnotation, int]] = {}
        """Each with the number of names in ``_scope`` when it was evaluated."""

    @property
    def names(self) -> Collection[str]:
        """Names of all parameters."""
        return self._parameters.keys()

    def parameter(self, expression: int | str) -> inspect.Parameter | None:
        """The parameter for the positional argument at an index, or for a keyword argument."""
        if isinstance(expression, int):
            if expression < len(self._positional):
                return self._positional[expression]
            return self._variable(inspect.Parameter.VAR_POSITIONAL)
        found = self._parameters.get(expression)
        if found is not None and found.kind in (found.POSITIONAL_OR_KEYWORD, found.KEYWORD_ONLY):
            return found
        return self._variable(inspect.Parameter.VAR_KEYWORD)

    def _variable(self, kind: Any) -> inspect.Parameter | None:
        return next((each for each in self._parameters.values() if each.kind is kind), None)

    def hint(self, parameter: inspect.Parameter) -> EvaluatedAnnotation:
        """The annotation of a parameter."""
        return self._hint(parameter.name, parameter.annotation)

    @property
    def result(self) -> EvaluatedAnnotation:
        """The annotation of the result; of a coroutine, of what it returns when awaited."""
        hint = self._hint("return", self._returns)
        while typing.get_origin(hint.type) in _AWAITED:
            hint = EvaluatedAnnotation(typing.get_args(hint.type)[-1])
        return hint

    def _hint(self, name: str, annotation: Any) -> EvaluatedAnnotation:
        hint, names = self._hints.get(name, (None, 0))
        if hint is None or (hint.problem and names != len(self._scope)):
            hint, names = self._evaluated(annotation), len(self._scope)
            # A name for type checkers only stays missing, unless its module is still being imported.
            # What failed for lack of a file descriptor does not fail for good.
            if not hint.problem or type(hint.cause) is NameError:
                self._hints[name] = hint, names
        return hint

    def _evaluated(self, annotation: Any) -> EvaluatedAnnotation:
        if annotation is NOTHING:
            return EvaluatedAnnotation()
        # One at a time: a name that only type checkers import must not affect the others.
        holder = SimpleNamespace(
            __annotations__={"it": annotation}, __type_params__=self._type_params
        )
        try:
            return EvaluatedAnnotation(
                typing.get_type_hints(holder, self._scope, include_extras=True)["it"]
            )
        except Exception as error:  # noqa: BLE001 - an annotation can be any expression
            return EvaluatedAnnotation(
                problem=f"{type(error).__name__}: {error}"[:200], cause=error
            )


_known: WeakKeyDictionary[Callable[..., Any], Annotations] = WeakKeyDictionary()


def annotations_of(function: Callable[..., Any]) -> Annotations:
    """The annotations of a function, from a cache."""
    try:
        found = _known.get(function)
        if found is None:
            found = _known[function] = Annotations(function)
    except TypeError:  # a callable object that cannot be hashed or weakly referenced
        return Annotations(function)
    return found
