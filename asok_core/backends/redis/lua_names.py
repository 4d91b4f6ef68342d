"""The names that Lua files use without defining them: keys (``keys.py``) and constants (``constants.py``).

A property ``paused`` of ``Keys`` is ``paused_key`` in Lua, a method ``job`` is ``job_key(id)``. Both need
the local ``ns``, the namespace. Where it is possible the expression replaces the name: a script runs for
each job, and a local for each key would be made each time.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import NamedTuple

from asok_core.backends.redis.constants import CONSTANTS, Constant
from asok_core.backends.redis.keys import Keys

_WORD = re.compile(r"\b[A-Za-z_]\w*\b")
_COMMENT = re.compile(r"--[^\n]*")
_MARK = "\0"


def code_of(text: str) -> str:
    """A Lua text without its comments."""
    return _COMMENT.sub("", text)


def words_of(text: str) -> set[str]:
    """All names in a Lua text, those in its strings included."""
    return set(_WORD.findall(code_of(text)))


def resolved(*texts: str) -> str:
    """Lua texts, one after the other, behind the definitions of the keys and constants that they use."""
    codes = [_resolved(text) for text in texts]
    definitions = {name: line for each in codes for name, line in each.definitions.items()}
    lines = [definitions[name] for name in sorted(definitions, reverse=True)]
    return "".join(lines) + "\n".join(each.text for each in codes)


class _Resolved(NamedTuple):
    """A Lua text with expressions instead of names, and definitions of the names that remain."""

    text: str
    definitions: Mapping[str, str]


@cache
def _resolved(text: str) -> _Resolved:
    # Once per file and not per script: workers would spend most of their start on the fragments.
    names = [_names()[word] for word in sorted(words_of(text) & _names().keys())]
    for name in names:
        text = name.inlined_in(text)
    left = words_of(text)
    return _Resolved(text, {each.name: each.definition for each in names if each.name in left})


class _Name(NamedTuple):
    """What stands for a name: an expression; with parameters, one of these."""

    name: str
    expression: str
    parameters: tuple[str, ...] | None = None
    inline: bool = True

    def inlined_in(self, text: str) -> str:
        """A text with the expression instead of the name, where that is possible."""
        if self.parameters is None:
            return (
                re.sub(rf"\b{self.name}\b", lambda _: self.expression, text)
                if self.inline
                else text
            )
        simple = ", ".join([r"([\w.]+|\w+\[[^\[\]]+\])"] * len(self.parameters))
        return re.sub(rf"\b{self.name}\({simple}\)", self._with_arguments, text)

    @property
    def definition(self) -> str:
        """A local of this name."""
        if self.parameters is None:
            return f"local {self.name} = {self.expression}\n"
        parameters = ", ".join(self.parameters)
        return f"local function {self.name}({parameters}) return {self.expression} end\n"

    def _with_arguments(self, found: re.Match[str]) -> str:
        assert self.parameters is not None
        given = dict(zip(self.parameters, found.groups(), strict=True))
        return re.sub(
            r"(?<!['\w:])\w+\b(?!')", lambda word: given.get(word[0], word[0]), self.expression
        )


@cache
def _names() -> Mapping[str, _Name]:
    constants = {name: _constant(name, value) for name, value in CONSTANTS.items()}
    return {**constants, **{each.name: each for each in _keys()}}


def _keys() -> Iterator[_Name]:
    keys = Keys(f"{_MARK}ns{_MARK}")
    for name, member in vars(Keys).items():
        if isinstance(member, property):
            yield _Name(f"{name}_key", f"({_expression(getattr(keys, name))})")
        elif inspect.isfunction(member) and member.__annotations__.get("return") == "str":
            yield _method(name, getattr(keys, name))


def _method(name: str, method: Callable[..., str]) -> _Name:
    parameters = tuple(inspect.signature(method).parameters)
    marks = [f"{_MARK}{each}{_MARK}" for each in parameters]
    template = method(*marks)
    value = _expression(template)
    if len(marks) == 1 and method("default") != template.replace(marks[0], "default"):
        # The queue `default` has a key of its own.
        value = f"{parameters[0]} == 'default' and {_expression(method('default'))} or {value}"
    return _Name(f"{name}_key", f"({value})", parameters)


def _expression(text: str) -> str:
    """A Lua expression for a text with marked variables."""
    parts = text.split(_MARK)
    written = [part if at % 2 else f"'{part}'" for at, part in enumerate(parts)]
    return " .. ".join(part for part in written if part != "''")


def _constant(name: str, value: Constant) -> _Name:
    if isinstance(value, Mapping):
        rows = ", ".join(f"[{key}] = '{text}'" for key, text in value.items())
        return _Name(name, f"{{ {rows} }}", inline=False)
    return _Name(name, f"'{value}'" if isinstance(value, str) else str(value))
