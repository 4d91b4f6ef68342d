"""The command line that does the same as an action in the console."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from typing import TYPE_CHECKING

from asok_core.backends.roles import Scope

if TYPE_CHECKING:
    from asok_console.tui.plan import Plan

SPELLED_OUT = 3
"""Ids that are written out; more of them are only counted."""


def dead_letters(verb: str) -> Callable[[Plan], str]:
    """``asok dlq VERB`` with the scope as options."""

    def twin(plan: Plan) -> str:
        return f"asok dlq {verb} {_options(plan.scope)}"

    return twin


def queue(verb: str) -> Callable[[Plan], str]:
    """``asok queue VERB NAME``."""

    def twin(plan: Plan) -> str:
        return f"asok queue {verb} {shlex.quote(plan.scope.queue or 'default')}"

    return twin


def edit(plan: Plan) -> str:
    """``asok dlq requeue --id ID --args JSON --kwargs JSON``."""
    args, kwargs = plan.changes or ([], {})
    changed = f"--args {shlex.quote(json.dumps(args))} --kwargs {shlex.quote(json.dumps(kwargs))}"
    return f"asok dlq requeue {_options(plan.scope)} {changed}"


def cancel(plan: Plan) -> str:
    """``asok job cancel ID...``, or with a filter."""
    return f"asok job cancel {_jobs(plan.scope)}"


def promote(plan: Plan) -> str:
    """``asok job promote ID...``, or with a filter."""
    return f"asok job promote {_jobs(plan.scope)}"


def restore(plan: Plan) -> str:
    """``asok trash restore OPERATION``."""
    return f"asok trash restore {plan.operation}"


def _jobs(scope: Scope) -> str:
    if scope.ids is not None:
        return _ids(scope, "")
    chosen = f"--filter {shlex.quote(scope.words)}" if scope.words else "--all"
    return f"--state {scope.place} {chosen}"


def _options(scope: Scope) -> str:
    if scope.ids is not None:
        return _ids(scope, "--id ")
    if scope.words.startswith("cause "):
        return f"--cause {shlex.quote(scope.words.removeprefix('cause '))}"
    if scope.words:
        return f"--filter {shlex.quote(scope.words)}"
    return "--all"


def _ids(scope: Scope, option: str) -> str:
    ids = sorted(scope.ids or ())
    shown = " ".join(f"{option}{shlex.quote(each)}" for each in ids[:SPELLED_OUT])
    more = len(ids) - SPELLED_OUT
    return f"{shown} … and {more:,} more" if more > 0 else shown
