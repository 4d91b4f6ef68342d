"""The command line that does the same as an action in the console."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from dataclasses import replace

from asok_console.tui.catalog.plan import Plan
from asok_core.backends.roles import Scope
from asok_core.jobs.states import Location

SPELLED_OUT = 3
"""Ids that are written out where a person reads it."""


def abridged(plan: Plan, most: int = SPELLED_OUT) -> str:
    """The twin of a plan as a person reads it: of many ids the first few, and how many more."""
    ids = sorted(plan.scope.ids or ())
    more = len(ids) - most
    if more <= 0:
        return plan.equivalent
    few = replace(plan, scope=replace(plan.scope, ids=frozenset(ids[:most])))
    return f"{few.equivalent}  … and {more:,} more"


def dead_jobs(verb: str) -> Callable[[Plan], str]:
    """``asok dlq VERB`` with the scope as options."""

    def equivalent(plan: Plan) -> str:
        return f"asok dlq {verb} {_options(plan.scope)}"

    return equivalent


def canary(plan: Plan) -> str:
    """``asok dlq requeue ... --canary N --rate N``."""
    first, rate = plan.answers["first"], plan.answers["rate"]
    return f"asok dlq requeue {_options(plan.scope)} --canary {first} --rate {rate}"


def edit(plan: Plan) -> str:
    """``asok dlq requeue --id ID --args JSON --kwargs JSON``."""
    args, kwargs = plan.changes or ([], {})
    changed = f"--args {shlex.quote(json.dumps(args))} --kwargs {shlex.quote(json.dumps(kwargs))}"
    return f"asok dlq requeue {_options(plan.scope)} {changed}"


def export(plan: Plan) -> str:
    """``asok dlq export FILE ...``."""
    chosen = "" if plan.scope.ids is None and not plan.scope.words else f" {_options(plan.scope)}"
    return f"asok dlq export{chosen}{_operands(plan.answers.get('file', '-'))}"


def queue(verb: str) -> Callable[[Plan], str]:
    """``asok queue VERB NAME``."""

    def equivalent(plan: Plan) -> str:
        return f"asok queue {verb}{_operands(plan.scope.queue or 'default')}"

    return equivalent


def worker(verb: str) -> Callable[[Plan], str]:
    """``asok worker VERB ID``."""

    def equivalent(plan: Plan) -> str:
        return f"asok worker {verb}{_operands(plan.worker)}"

    return equivalent


def cancel(plan: Plan) -> str:
    """``asok job cancel ID...``, or with a filter and where to look."""
    delayed = " --state delayed" if plan.scope.location is Location.DELAYED else ""
    return f"asok job cancel{_jobs(plan.scope, where=delayed)}"


def promote(plan: Plan) -> str:
    """``asok job promote ID...``, or with a filter."""
    return f"asok job promote{_jobs(plan.scope)}"


def move_front(plan: Plan) -> str:
    """``asok job move --front ID...``."""
    return f"asok job move --front{_jobs(plan.scope)}"


def move(plan: Plan) -> str:
    """``asok job move --to QUEUE ID...``, or with a filter."""
    return f"asok job move {_option('--to', plan.answers.get('queue', ''))}{_jobs(plan.scope)}"


def restore(plan: Plan) -> str:
    """``asok trash restore OPERATION``."""
    return f"asok trash restore{_operands(plan.operation)}"


def empty_trash(plan: Plan) -> str:
    """``asok trash empty OPERATION...``."""
    return f"asok trash empty{_operands(*sorted(plan.scope.ids or ()))}"


def _jobs(scope: Scope, where: str = "") -> str:
    if scope.ids is not None:
        return _operands(*sorted(scope.ids))
    queue = f" {_option('--queue', scope.queue)}" if scope.queue is not None else ""
    return f"{where}{queue} {_by_words(scope)}"


def _options(scope: Scope) -> str:
    if scope.ids is not None:
        return " ".join(_option("--id", each) for each in sorted(scope.ids))
    return _by_words(scope)


def _by_words(scope: Scope) -> str:
    return _option("--filter", scope.words) if scope.words else "--all"


def _option(name: str, value: str) -> str:
    # Only so is a value that begins with a dash not taken for an option.
    return f"{name}{'=' if value.startswith('-') else ' '}{shlex.quote(value)}"


def _operands(*words: str) -> str:
    dashes = " --" if any(word.startswith("-") and word != "-" for word in words) else ""
    return dashes + "".join(f" {shlex.quote(word)}" for word in words)
