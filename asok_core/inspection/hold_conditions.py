"""Conditions of holds on the arguments of jobs."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from asok_core.errors import UsageError
from asok_core.inspection.argument_paths import ArgumentPath, parse, short_path
from asok_core.jobs.job import Job

MOST_CONDITIONS = 10
OPERATORS = ("==", "in", "<", ">")
EXAMPLE = "0=7, account.id=17, amount>100 or 'tenant in [1, 2]'"


class Condition(NamedTuple):
    """A condition on an argument. ``value`` is plain; of ``in`` it is a list of such values."""

    path: ArgumentPath
    operator: str
    value: Any

    def matches(self, job: Job) -> bool:
        """Whether the argument of a job is there and meets it. Never raises."""
        try:
            found = self.path.value(job)
        except LookupError:
            return False
        if self.operator == "in":
            return any(_equal(found, each) for each in self.value)
        if self.operator == "==":
            return _equal(found, self.value)
        if not _comparable(found, self.value):
            return False
        return bool(found < self.value if self.operator == "<" else found > self.value)

    @property
    def words(self) -> str:
        """``args[0] == 7``; the text may come from Redis."""
        return f"{self.path} {self.operator} {json.dumps(self.value, ensure_ascii=False)}"

    @property
    def typed(self) -> str:
        """``0=7``: what ``parse_condition`` reads as this condition."""
        operator = {"==": "=", "in": " in "}.get(self.operator, self.operator)
        return f"{self.path.short}{operator}{_typed(self.value)}"


def parse_condition(text: str) -> Condition:
    """Read ``0=7``, ``account.id==17``, ``amount>100`` or ``tenant in [1, 2]``. Raises UsageError.

    A name is that of a keyword argument, a number the position of another one. A value is JSON, or else
    a text.
    """
    found = short_path(text)
    rest = text[found[1] :].strip() if found else ""
    operator = next((each for each in ("==", "=", "<", ">", "in ") if rest.startswith(each)), "")
    if found is None or not operator:
        raise UsageError(f"condition {text!r} is invalid; it must be of the form {EXAMPLE}")
    text_of_value = rest[len(operator) :].strip()
    if text_of_value.startswith(("=", "<", ">")):
        raise UsageError(
            f"condition {text!r} is invalid; the operators are =, <, > and in"
            f" (a text that begins with {text_of_value[0]!r} must be in double quotes)"
        )
    value = _value(text_of_value)
    operator = {"=": "==", "in ": "in"}.get(operator, operator)
    problem = _value_problem(operator, value)
    if problem:
        raise UsageError(f"condition {text!r}: {problem}")
    return Condition(found[0], operator, value)


def parse_conditions(text: str) -> tuple[Condition, ...]:
    """Read conditions with commas between them: ``0=7, tenant in [1, 2]``. Raises UsageError.

    A comma in brackets or in double quotes is part of a value.
    """
    return tuple(parse_condition(each) for part in _parts(text) if (each := part.strip()))


def typed_conditions(conditions: Iterable[Condition]) -> str:
    """What ``parse_conditions`` reads as these conditions."""
    return ", ".join(each.typed for each in conditions)


def _parts(text: str) -> Iterator[str]:
    begin = depth = 0
    quoted = escaped = False
    for at, char in enumerate(text):
        if quoted:
            quoted = escaped or char != '"'
            escaped = char == "\\" and not escaped
        elif char == '"':
            quoted = True
        elif char in "[]":
            depth = max(depth + (1 if char == "[" else -1), 0)
        elif char == "," and not depth:
            yield text[begin:at]
            begin = at + 1
    if quoted or depth:
        missing = "'\"'" if quoted else "']'"
        raise UsageError(f"condition {text[begin:].strip()!r} is invalid: {missing} is missing")
    yield text[begin:]


def conditions_in(value: object) -> tuple[Condition, ...] | None:
    """The conditions in a rule; None where they cannot be read whole."""
    if not isinstance(value, list) or len(value) > MOST_CONDITIONS:
        return None
    found = []
    for each in value:
        if not isinstance(each, list) or len(each) != 3 or each[1] not in OPERATORS:
            return None
        try:
            path = parse(each[0]) if isinstance(each[0], str) else None
        except UsageError:
            return None
        if path is None or _value_problem(each[1], each[2]):
            return None
        found.append(Condition(path, each[1], each[2]))
    return tuple(found)


def _typed(value: Any) -> str:
    # A text needs quotes where it is read as something else without them.
    if isinstance(value, str) and value.isprintable() and value == value.strip() != "":
        plain = not value.startswith(("=", "<", ">")) and not set(value) & set(',"[]')
        if plain and _value(value) == value:
            return value
    return json.dumps(value, ensure_ascii=False)


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _value_problem(operator: str, value: object) -> str:
    if operator == "in":
        plain = isinstance(value, list) and all(map(_is_plain, value))
        return "" if plain else "the value of 'in' must be a JSON list of plain values"
    if not _is_plain(value):
        return "the value must be a finite number, a text, true, false or null"
    orders = isinstance(value, int | float | str) and not isinstance(value, bool)
    if operator != "==" and not orders:
        return f"the value of {operator!r} must be a number or a text"
    return ""


def _is_plain(value: object) -> bool:
    if isinstance(value, float):
        # Others are not JSON, and NaN equals nothing.
        return math.isfinite(value)
    return value is None or isinstance(value, str | int)


def _equal(found: object, value: object) -> bool:
    # JSON has booleans that are no numbers.
    return isinstance(found, bool) is isinstance(value, bool) and found == value


def _comparable(found: object, value: object) -> bool:
    if isinstance(found, bool) or isinstance(value, bool):
        return False
    numbers = isinstance(found, int | float) and isinstance(value, int | float)
    return numbers or (isinstance(found, str) and isinstance(value, str))
