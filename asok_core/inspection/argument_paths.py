"""Paths to an argument of a job, as in ``args[0].customer`` or ``kwargs.tenant``.

A key that is not a name is written as JSON in brackets: ``kwargs["tenant id"]``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from asok_core.errors import UsageError
from asok_core.jobs.job import Job

EXAMPLE = "args[0].customer or kwargs.tenant"
DEEPEST = 4
"""Keys and indexes below ``args`` or ``kwargs`` up to which paths are found."""
MOST_FOUND = 50
"""Paths that are found in one job."""

_ROOT = re.compile(r"args(?=\[)|kwargs(?=[.\[])", re.IGNORECASE)
_POSITION = re.compile(r"[0-9]{1,9}(?![\w-])", re.ASCII)
_INDEX = re.compile(r"\[([0-9]{1,9})\]", re.ASCII)
_NAME = re.compile(r"\.([^\W\d][\w-]*)")
_KEY = re.compile(r"\[(?=\")")
_PLAIN = re.compile(r"[^\W\d][\w-]*")


class ArgumentPath(NamedTuple):
    """A path: ``args`` or ``kwargs``, then keys of objects and indexes of lists."""

    root: str
    steps: tuple[str | int, ...]

    def __str__(self) -> str:
        return self.root + "".join(map(_written, self.steps))

    @property
    def short(self) -> str:
        """The path as ``short_path`` reads it: ``0`` for ``args[0]``, ``name`` for ``kwargs.name``."""
        first, *rest = self.steps
        below = "".join(map(_written, rest))
        if isinstance(first, int):
            return f"{first}{below}"
        # A name that is that of a root is one, where something follows.
        plain = _PLAIN.fullmatch(first) and first.lower() not in ("args", "kwargs")
        return f"{first}{below}" if plain else str(self)

    def values(self, job: Job) -> Iterator[Any]:
        """What is at the path: nothing, one value, or one for each key that differs only in its case."""
        found: list[Any] = [job.args if self.root == "args" else job.kwargs]
        for step in self.steps:
            found = [each for value in found for each in _values_below(value, step)]
        yield from found

    def value(self, job: Job) -> Any:
        """The value at exactly this path. Raises LookupError where there is none."""
        value: Any = job.args if self.root == "args" else job.kwargs
        for step in self.steps:
            if (
                isinstance(value, list | tuple)
                if isinstance(step, int)
                else isinstance(value, Mapping)
            ):
                value = value[step]
            elif isinstance(value, str):
                raise BelowText(value)
            else:
                raise LookupError(step)
        return value


class BelowText(LookupError):
    """A path leads below a text, such as the one that stands for a value that is hidden."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


def parse(text: str) -> ArgumentPath:
    """Read a path. Raises UsageError."""
    found = _read(text)
    if found is None or found[1] != len(text):
        raise UsageError(f"argument path {text!r} is invalid; it must be of the form {EXAMPLE}")
    return found[0]


def parse_condition(text: str) -> tuple[ArgumentPath, str] | None:
    """Read ``PATH=VALUE``; None where the text is anything else."""
    found = _read(text)
    if found is None or text[found[1] : found[1] + 1] != "=":
        return None
    return found[0], text[found[1] + 1 :]


def short_path(text: str) -> tuple[ArgumentPath, int] | None:
    """The path that a text begins with, and where it ends.

    ``0`` is ``args[0]``, and ``name`` is ``kwargs.name``.
    """
    if found := _read(text):
        return found
    if position := _POSITION.match(text):
        root, start = f"args[{position[0]}]", position.end()
    elif _PLAIN.match(text):
        root, start = "kwargs.", 0
    else:
        return None
    found = _read(root + text[start:])
    return None if found is None else (found[0], found[1] - len(root) + start)


def value_text(value: object) -> str:
    """A plain value as the console shows it and a filter asks for it: texts without quotes, else JSON."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return str(value)


def paths_of(job: Job) -> Iterator[tuple[ArgumentPath, Any]]:
    """The paths of a job that lead to plain values, without those in lists inside an argument."""
    number = 0
    for root, start in (("args", list(enumerate(job.args))), ("kwargs", list(job.kwargs.items()))):
        stack: list[tuple[tuple[str | int, ...], Any]] = [
            ((key,), each) for key, each in start[::-1]
        ]
        while stack and number < MOST_FOUND:
            steps, value = stack.pop()
            if isinstance(value, Mapping):
                if len(steps) < DEEPEST:
                    below = list(value.items())[:MOST_FOUND]
                    stack += [((*steps, key), each) for key, each in below[::-1]]
            elif not isinstance(value, list | tuple):
                number += 1
                yield ArgumentPath(root, steps), value


def _read(text: str) -> tuple[ArgumentPath, int] | None:
    """The path that a text begins with, and where it ends."""
    root = _ROOT.match(text)
    if root is None:
        return None
    steps: list[str | int] = []
    at = root.end()
    while at < len(text):
        if found := _INDEX.match(text, at):
            steps.append(int(found[1]))
            at = found.end()
        elif found := _NAME.match(text, at):
            steps.append(found[1])
            at = found.end()
        elif found := _KEY.match(text, at):
            try:
                key, at = json.JSONDecoder().raw_decode(text, found.end())
            except ValueError:
                return None
            if text[at : at + 1] != "]":
                return None
            steps.append(key)
            at += 1
        else:
            break
    name = root[0].lower()
    if not steps or isinstance(steps[0], int) is not (name == "args"):
        return None
    return ArgumentPath(name, tuple(steps)), at


def _written(step: str | int) -> str:
    if isinstance(step, int):
        return f"[{step}]"
    return f".{step}" if _PLAIN.fullmatch(step) else f"[{json.dumps(step, ensure_ascii=False)}]"


def _values_below(value: Any, step: str | int) -> Iterator[Any]:
    if isinstance(step, int):
        if isinstance(value, list | tuple) and step < len(value):
            yield value[step]
    elif isinstance(value, Mapping):
        name = step.casefold()
        yield from (each for key, each in value.items() if key.casefold() == name)
