"""Names whose values are hidden: patterns of a setting or a task, and names that look secret."""

from __future__ import annotations

import fnmatch
import math
import re
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import quote_plus, unquote_plus

MASK = "[redacted]"
"""Replaces a hidden value."""

LOOKS_SECRET = (
    *("*password*", "*passwd*", "*passphrase*", "pwd", "*secret*", "*token*", "*api_key*", "*apikey*"),
    *("*authorization*", "*cookie*", "*credential*", "*private_key*", "*access_key*", "*signature*"),
    *("*session*", "sig", "otp", "*csrf*", "*xsrf*"),
)  # fmt: skip
"""Names whose values are hidden in a copy of a request."""


class NamePattern:
    """Matches names against patterns, ignoring case; ``-`` equals ``_``."""

    def __init__(self, patterns: Iterable[str]) -> None:
        found = "|".join(fnmatch.translate(_plain(each)) for each in patterns)
        self._found = re.compile(found)
        self._known: dict[str, bool] = {}

    def hides(self, name: str) -> bool:
        """Whether the value of this name is hidden."""
        known = self._known.get(name)
        if known is None:
            known = self._found.match(_plain(name)) is not None
            if len(self._known) > 10_000:
                self._known.clear()
            self._known[name] = known
        return known


def _plain(name: str) -> str:
    return name.casefold().replace("-", "_")


@lru_cache(maxsize=256)
def name_pattern(patterns: tuple[str, ...]) -> NamePattern:
    """The compiled pattern of these names, from a cache."""
    return NamePattern(patterns)


def without_values(
    value: Any, pattern: NamePattern, hide: Callable[[Any], Any], most: float = math.inf
) -> Any:
    """``value`` with ``hide`` applied to the values of hidden names and to all below ``most`` levels."""
    if most < 0:
        return hide(None)
    if isinstance(value, Mapping):
        return {
            key: hide(each)
            if isinstance(key, str) and pattern.hides(key)
            else without_values(each, pattern, hide, most - 1)
            for key, each in value.items()
        }
    if isinstance(value, list):
        return [without_values(each, pattern, hide, most - 1) for each in value]
    return value


def without_secrets(value: Any) -> Any:
    """``value`` with the values of names that look secret masked, at any depth; None stays None."""
    pattern = name_pattern(LOOKS_SECRET)
    return without_values(value, pattern, lambda each: None if each is None else MASK)


def query_without_secrets(query: str) -> str:
    """A query string with the values of parameters masked whose names look secret."""
    pattern = name_pattern(LOOKS_SECRET)
    parts = []
    for part in re.split(r"([&;])", query):
        name, equals, _ = part.partition("=")
        hidden = equals and pattern.hides(unquote_plus(name))
        parts.append(f"{name}={quote_plus(MASK, safe='[]')}" if hidden else part)
    return "".join(parts)
