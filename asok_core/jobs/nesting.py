"""The limit of nesting for values that are sent, and how deeper values from Redis are shown."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

DEEPEST = 100
"""Levels that are sent: all supported Pythons can encode them, also from deep in a call stack."""
CUT = "\u2026"
"""Replaces what is nested deeper, when a value is shown."""


def any_too_deep(values: Iterable[object]) -> bool:
    """Whether any of some JSON values is nested more than ``DEEPEST`` levels deep. No recursion."""
    level = _containers(values)
    for _ in range(DEEPEST):
        level = [part for each in level for part in _inside(each)]
    return bool(level)


def cut(value: Any, levels: int = DEEPEST) -> Any:
    """A JSON value with ``CUT`` in place of what is nested more than ``levels`` deep."""
    if not isinstance(value, dict | list | tuple):
        return value
    if levels < 0:
        return CUT
    if isinstance(value, dict):
        return {key: cut(each, levels - 1) for key, each in value.items()}
    return [cut(each, levels - 1) for each in value]


def _inside(value: Any) -> list[Any]:
    return _containers(value.values() if isinstance(value, dict) else value)


def _containers(values: Iterable[object]) -> list[Any]:
    return [each for each in values if isinstance(each, dict | list | tuple)]
