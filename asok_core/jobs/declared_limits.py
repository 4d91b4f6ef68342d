"""The limit that a ``@task`` declares.

Each job of the task carries it, as a worker may not have imported the task. With a ``key`` each value of
that argument has a count of its own.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, NamedTuple

from asok_core.jobs.checks import expect
from asok_core.jobs.job import LIMIT, Job
from asok_core.jobs.limits import Limit, identity_of, parse_limit
from asok_core.suggestions import did_you_mean

LONGEST_VALUE = 200
"""Characters of a value, as JSON, that is shown as it is."""

_parse = lru_cache(maxsize=256)(parse_limit)
_encode = json.JSONEncoder(ensure_ascii=False, sort_keys=True).encode
_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
_VARIABLE = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


@dataclass(frozen=True, slots=True)
class DeclaredLimit:
    """``limit`` as ``parse_limit`` reads it, and the parameter by whose values it counts; '' for none.

    Raises ValueError or TypeError that names the option.
    """

    limit: str
    key: str = ""
    position: int | None = None
    """Of that parameter among the positional ones; None where it is passed by name only."""
    default: Any = None
    """What the parameter is where a call does not pass it, if that is plain."""

    def __post_init__(self) -> None:
        expect("limit", self.limit, str, "a string such as '4 at once'")
        expect("key", self.key, str, "the name of a parameter")
        parse_limit(self.limit)

    def of(self, function: Callable[..., Any]) -> DeclaredLimit:
        """The same for a task. Raises ValueError where it has no parameter ``key``."""
        if not self.key:
            return self
        names = [
            each
            for each in inspect.signature(function).parameters.values()
            if each.kind not in _VARIABLE
        ]
        found = next((each for each in names if each.name == self.key), None)
        if found is None:
            known = [each.name for each in names]
            has = f"; it has {', '.join(known)}" if known else ""
            raise ValueError(
                f"key={self.key!r} is no parameter of {function.__qualname__}{has}"
                f"{did_you_mean(self.key, known)}"
            )
        position = names.index(found) if found.kind in _POSITIONAL else None
        default = found.default
        plain = default is None or type(default) in (str, int, float, bool)
        return replace(self, position=position, default=default if plain else None)

    @property
    def sent(self) -> Mapping[str, Any]:
        """What a job carries of it."""
        text = _parse(self.limit).text
        if not self.key:
            return {"limit": text}
        return {"limit": text, "key": self.key, "at": self.position, "default": self.default}


class KeyedLimit(NamedTuple):
    """The limit that a job carries. ``value`` is that of its key; only with an ``identity`` by a key."""

    identity: str
    limit: Limit
    key: str
    value: Any


def limit_in(job: Job) -> KeyedLimit | None:
    """The limit that the task of a job declared when it was enqueued; None where there is none."""
    sent = job.extra.get(LIMIT)
    if not isinstance(sent, Mapping):
        return None
    text, key, at = sent.get("limit"), sent.get("key", ""), sent.get("at")
    if not isinstance(text, str) or not isinstance(key, str):
        return None
    try:
        limit = _parse(text)
    except ValueError:
        # A later release may declare what this one does not know.
        return None
    if not key:
        return KeyedLimit(identity_of(task=job.task), limit, "", None)
    value = job.kwargs.get(key, sent.get("default"))
    if isinstance(at, int) and 0 <= at < len(job.args):
        value = job.args[at]
    return KeyedLimit(identity_of(task=job.task, key=f"kwargs.{key}"), limit, key, value)


def value_json(value: Any) -> str:
    """The value of a key as JSON: equal values have one text."""
    return _encode(value)
