"""Descriptions of entries that are too large to be read: dead jobs (``set_aside.lua``) and aliases."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from asok_core.jobs.sizes import size_words

OVERSIZED_TTL = 7 * 86_400
"""Seconds that the entry itself is kept."""
MOST_READ = 16 << 20
"""Bytes of the largest element that readers and operators receive; an alias replaces a larger one."""
_ALIAS = re.compile(rb"asok:oversized ([0-9]{1,15}) [0-9a-f]{40}")
_SHA1 = re.compile(r"[0-9a-f]{40}")
_MOST = 1 << 50


def oversized_words(fields: Mapping[str, Any]) -> str | None:
    """Describe, in one line, the entry that a dead job replaces; None for other dead jobs."""
    said = fields.get("oversized")
    if not isinstance(said, dict):
        return None
    size, sha1 = said.get("size"), said.get("sha1")
    if type(size) is not int or not 0 <= size < _MOST:
        return None
    if not isinstance(sha1, str) or not _SHA1.fullmatch(sha1):
        return None
    return f"oversized: {size_words(size)}, SHA-1 {sha1}"


def alias_words(raw: bytes) -> str | None:
    """Describe an entry that an alias (``alias.lua``) replaces; None for other bytes."""
    found = _ALIAS.fullmatch(raw)
    return f"oversized: {size_words(int(found[1]))}, not read" if found else None


def is_alias(raw: bytes) -> bool:
    """Whether these bytes are the alias of an element that is too large to be read."""
    return _ALIAS.fullmatch(raw) is not None
