"""The command line that does the same as an action in the console."""

from __future__ import annotations

import shlex
from collections.abc import Callable

from asok_core.backends.roles import Scope

SPELLED_OUT = 3
"""Ids that are written out; more of them are only counted."""


def dead_letters(verb: str) -> Callable[[Scope], str]:
    """``asok dlq VERB`` with the scope as options."""

    def twin(scope: Scope) -> str:
        return f"asok dlq {verb} {_options(scope)}"

    return twin


def queue(verb: str) -> Callable[[Scope], str]:
    """``asok queue VERB NAME``."""

    def twin(scope: Scope) -> str:
        return f"asok queue {verb} {shlex.quote(scope.queue or 'default')}"

    return twin


def cancel(scope: Scope) -> str:
    """``asok job cancel ID...``."""
    return f"asok job cancel {_ids(scope, '')}"


def promote(scope: Scope) -> str:
    """``asok job promote ID...``."""
    return f"asok job promote {_ids(scope, '')}"


def _options(scope: Scope) -> str:
    if scope.ids is not None:
        return _ids(scope, "--id ")
    if scope.words:
        return f"--filter {shlex.quote(scope.words)}"
    return "--all"


def _ids(scope: Scope, option: str) -> str:
    ids = sorted(scope.ids or ())
    shown = " ".join(f"{option}{shlex.quote(each)}" for each in ids[:SPELLED_OUT])
    more = len(ids) - SPELLED_OUT
    return f"{shown} … and {more:,} more" if more > 0 else shown
