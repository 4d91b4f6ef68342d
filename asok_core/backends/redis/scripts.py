"""The scripts in ``lua/scripts``, loaded once. Each moves jobs by one verb, atomically.

Redis has no include, so a script whose header says ``-- needs: record stats`` gets those
files of ``lua/fragments`` before its own text. Every key is made from the namespace given as the first
argument: the keys share one Cluster slot when the namespace is in braces. ``@TRASH_TTL@``
and the like stand for the constants of these names.
"""

from __future__ import annotations

import re
from functools import cache
from hashlib import sha1
from importlib.resources import files
from typing import NamedTuple

from asok_core.inspection.audit import TRASH_TTL
from asok_core.jobs.oversized import MOST_READ, OVERSIZED_TTL

_CONSTANTS = {"TRASH_TTL": TRASH_TTL, "OVERSIZED_TTL": OVERSIZED_TTL, "MOST_READ": MOST_READ}
_NEEDS = re.compile(r"^-- needs: (.+)$", re.MULTILINE)


class Script(NamedTuple):
    """A Lua script and the digest by which EVALSHA calls it."""

    name: str
    text: str
    sha: str


@cache
def script(name: str) -> Script:
    """The script in ``lua/scripts/{name}.lua`` with the fragments it needs."""
    text = _text("scripts", name)
    needs = _NEEDS.search(text)
    fragments = [fragment(each) for each in needs.group(1).split()] if needs else []
    whole = "\n".join([*fragments, text])
    return Script(name, whole, sha1(whole.encode(), usedforsecurity=False).hexdigest())


def load_scripts() -> None:
    """Load every script: a worker that runs out of file descriptors later can read none."""
    for file in (files(__package__) / "lua" / "scripts").iterdir():
        script(file.name.removesuffix(".lua"))


def fragment(name: str) -> str:
    """The text of ``lua/fragments/{name}.lua``."""
    return _text("fragments", name)


def _text(folder: str, name: str) -> str:
    text = (files(__package__) / "lua" / folder / f"{name}.lua").read_text(encoding="utf-8")
    for constant, value in _CONSTANTS.items():
        text = text.replace(f"@{constant}@", str(value))
    return text
