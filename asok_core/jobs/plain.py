"""Plain values: those that JSON encodes exactly, so that a decoded value is equal and of the same type."""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import AsyncGenerator, Generator, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from pathlib import PurePath
from typing import Any
from uuid import UUID

from asok_core.jobs.nesting import DEEPEST

MOST_KEYS = 10_000
"""Keys of one dict: each is checked when a job is shown or searched."""
MOST_DIGITS = 4300
"""Decimal digits that Python converts to an integer by default, whatever the limit of this process."""

_ABOVE = 10**MOST_DIGITS
_BELOW = -_ABOVE
_NOT_JSON = ", which JSON cannot encode"
_KEPT = frozenset({str, bool, type(None)})
_INT, _FLOAT = {int}, {float}
_KEYS = frozenset({int, float, bool, type(None)})
"""Types of keys that json converts to strings."""


@dataclass(frozen=True, slots=True)
class EncodingProblem:
    """Why JSON cannot encode a value.

    ``path`` leads to the part of it that is at fault, ``reason`` is the fault, and ``instead`` what
    to pass. ``typed``: a value of an annotated type is accepted.
    """

    path: tuple[str, ...]
    reason: str
    instead: str
    typed: bool = False

    @property
    def expression(self) -> str:
        """The path as a Python expression, as in ``items[3].price``; empty for the value itself."""
        whole = "".join(self.path).removeprefix(".")
        return whole if len(whole) <= 200 else f"{whole[:100]}...{whole[-100:]}"

    def within(self, step: str) -> EncodingProblem:
        """The same flaw, relative to the value that contains this one under ``step``."""
        return EncodingProblem((step, *self.path), self.reason, self.instead, self.typed)

    def __str__(self) -> str:
        return f": {self.expression} {self.reason}" if self.path else f" {self.reason}"


class UncarriedError(Exception):
    """A value cannot be sent as it is."""

    def __init__(self, flaw: EncodingProblem) -> None:
        super().__init__(str(flaw))
        self.flaw = flaw


class _TooDeepError(Exception):
    pass


def is_plain(value: Any) -> bool:
    """Whether a scalar is plain; False for any list or dict. This is on the hot path."""
    kind = type(value)
    return kind in _KEPT or (kind is int and _BELOW < value < _ABOVE)


def flaw_in(value: object) -> EncodingProblem | None:
    """The first part of a value that JSON cannot encode exactly, or None if it is plain."""
    try:
        return _flaw(value, DEEPEST)
    except _TooDeepError:
        return _too_deep(value)
    except RecursionError:
        return EncodingProblem(
            (), "is nested too deeply for the rest of the stack", "a flatter value"
        )


def _flaw(value: Any, levels: int) -> EncodingProblem | None:
    kind = type(value)
    if kind in _KEPT:
        return None
    if kind is int:
        return None if _BELOW < value < _ABOVE else _LONG_INTEGER
    if kind is float:
        return (
            None
            if math.isfinite(value)
            else EncodingProblem((), f"is {value}{_NOT_JSON}", "None or a string")
        )
    if kind is list:
        return _flaw_of_list(value, levels)
    if kind is dict:
        return _flaw_of_dict(value, levels)
    return flaw_of_kind(value)


def _flaw_of_list(values: list[Any], levels: int) -> EncodingProblem | None:
    if not levels:
        raise _TooDeepError
    # Most lists have one type, and are checked without a loop in Python.
    kinds = set(map(type, values))
    if kinds <= _KEPT or (kinds == _INT and min(values) > _BELOW and max(values) < _ABOVE):
        return None
    if kinds == _FLOAT and all(map(math.isfinite, values)):
        return None
    for at, each in enumerate(values):
        flaw = _flaw(each, levels - 1)
        if flaw is not None:
            return flaw.within(index_step(at))
    return None


def _flaw_of_dict(values: dict[Any, Any], levels: int) -> EncodingProblem | None:
    for key in values:
        if type(key) is not str:
            arrives = ", which would arrive as a string" if type(key) in _KEYS else _NOT_JSON
            reason = f"has the key {shown_key(key)}{arrives}"
            return EncodingProblem((), reason, "keys that are strings", typed=True)
    if not levels:
        raise _TooDeepError
    if len(values) > MOST_KEYS:
        reason = f"has {len(values):,} keys, more than {MOST_KEYS:,}"
        return EncodingProblem((), reason, "a list, or an id that the task looks up")
    for key, each in values.items():
        kind = type(each)
        if kind in _KEPT or (kind is int and _BELOW < each < _ABOVE):
            continue
        flaw = _flaw(each, levels - 1)
        if flaw is not None:
            return flaw.within(key_step(key))
    return None


_LONG_INTEGER = EncodingProblem(
    (), f"is an integer of more than {MOST_DIGITS:,} digits{_NOT_JSON}", "a string"
)


def _too_deep(value: object) -> EncodingProblem:
    if _contains_itself(value):
        return EncodingProblem((), f"contains itself{_NOT_JSON}", "a value without a cycle")
    return EncodingProblem(
        (), f"is nested more than {DEEPEST} levels deep{_NOT_JSON}", "a flatter value"
    )


def _contains_itself(value: object) -> bool:
    # Depth first without recursion. `above` are the containers of the current one.
    above, done = {id(value)}, set[int]()
    branches = [(id(value), iter(_inside(value)))]
    while branches:
        number, rest = branches[-1]
        for each in rest:
            if id(each) in above:
                return True
            if type(each) in (list, dict) and id(each) not in done:
                above.add(id(each))
                branches.append((id(each), iter(_inside(each))))
                break
        else:
            branches.pop()
            above.remove(number)
            done.add(number)
    return False


def _inside(value: object) -> Iterable[object]:
    if type(value) is dict:
        return value.values()
    return value if type(value) is list else ()


def index_step(at: int) -> str:
    """A step of a path into a sequence."""
    return f"[{at}]"


def key_step(key: object) -> str:
    """A step of a path into a mapping."""
    if isinstance(key, str) and key.isidentifier() and len(key) <= 60:
        return f".{key}"
    return f"[{_brief(key)}]"


def shown_key(key: object) -> str:
    """A key of a dict with its type, bounded."""
    return f"{_brief(key)} ({type(key).__name__})"


def _brief(key: object) -> str:
    # Only built-in types: a __repr__ of the application may do anything.
    if type(key) in (str, bool, float, type(None)) or (type(key) is int and abs(key) < 10**60):
        text = ascii(key)
        return text if len(text) <= 60 else f"{text[:60]}..."
    return "..."


# By pronunciation: an HTTPError, a UUID, an Unshowable, a User.
_AN = re.compile(
    r"[AEFHILMNORSX](?:[A-Z]|$)|(?![A-Z]{2})(?!(?i:us[aeiu]|ut[ei]|ur[il]|uint|uni[a-ln-z]|eu|one))[AEIOUaeiou]"
)


def described(value: object) -> str:
    """A value by its type, with an article."""
    name = type(value).__name__[:100]
    return f"{'an' if _AN.match(name) else 'a'} {name}"


_TYPED: tuple[tuple[type | tuple[type, ...], str], ...] = (
    (Enum, "its value"),
    ((tuple, set, frozenset), "a list"),
    ((dt.date, dt.time, dt.timedelta, Decimal, UUID), "a string"),
    (PurePath, "its str()"),
    ((bytes, bytearray, memoryview), "a string, for example its hex()"),
)
_SUBCLASSED: tuple[type, ...] = (str, int, float, list, dict)
"""Types whose subclasses json encodes like these."""
_RECORDS = ("__dataclass_fields__", "__struct_fields__", "__attrs_attrs__")


def flaw_of_kind(value: object, reason: str = "") -> EncodingProblem:
    """The flaw of a value of an unsupported type: what it is, and what to pass."""
    # Not isinstance(): it reads __class__, which a proxy may override or which may raise.
    kind = type(value)
    base = next((each for each in _SUBCLASSED if issubclass(kind, each)), None)
    if not reason:
        reason = f"is {described(value)}{_NOT_JSON}"
        if base is not None or issubclass(kind, tuple):
            arrives = f"a plain {base.__name__}" if base is not None else "a list"
            reason = f"is {described(value)} and would arrive as {arrives}"
    for kinds, words in _TYPED:
        if issubclass(kind, kinds):
            return EncodingProblem((), reason, words, typed=True)
    if any(hasattr(kind, each) for each in _RECORDS):
        return EncodingProblem((), reason, "a dict", typed=True)
    if base is not None or issubclass(kind, Mapping):
        return EncodingProblem((), reason, f"a plain {'dict' if base is None else base.__name__}")
    if is_lazy(kind):
        return EncodingProblem((), reason, "a list")
    return EncodingProblem((), reason, "numbers, strings, lists and dicts, or an id")


_LAZY = (map, filter, zip, enumerate, Generator, AsyncGenerator)


def is_lazy(kind: type) -> bool:
    """Whether a value of this type is a generator, whose code runs only during iteration."""
    return issubclass(kind, _LAZY) or kind.__module__ == "itertools"
