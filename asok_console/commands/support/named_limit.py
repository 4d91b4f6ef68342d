"""The queue, the task or the argument whose limit a command is about."""

from __future__ import annotations

import argparse

from asok_console.commands.support import bulk
from asok_console.commands.support.documents import write_json, write_lines
from asok_console.presentation.limits import rule_document, state_details, subject_document
from asok_console.presentation.text import safe
from asok_core.backends.roles import Reader, Scope
from asok_core.errors import UsageError
from asok_core.inspection.argument_paths import short_path
from asok_core.inspection.limits import LimitRule, LimitState, limit_problem, states_of
from asok_core.operations.catalog.confirmation import preview_line
from asok_core.operations.catalog.limits import LimitOperation
from asok_core.settings.settings import Settings


def add_subject(parser: argparse.ArgumentParser, *, keyed: bool = True) -> None:
    """Declare how to name it."""
    parser.add_argument(
        "--task", metavar="TASK", default="", help="the jobs of this task: module.function"
    )
    parser.add_argument("--queue", metavar="QUEUE", default="", help="the jobs of this queue")
    if keyed:
        parser.add_argument(
            "--key",
            metavar="ARGUMENT",
            default="",
            help="each value of this argument of the task by itself: account_id, or 0 for the first "
            "positional one",
        )


def subject_from(args: argparse.Namespace) -> LimitRule:
    """What the options name, as a rule without a limit. Raises UsageError."""
    key = None
    if args.key:
        found = short_path(args.key)
        if found is None or found[1] != len(args.key):
            raise UsageError(
                f"--key {args.key!r} is not an argument; it must be a name or a position, "
                "as in account_id, account.id or 0"
            )
        key = found[0]
    subject = LimitRule(args.task.replace(":", "."), args.queue, key)
    if problem := limit_problem(subject):
        raise UsageError(f"{problem}: give --task, --task and --key, or --queue")
    return subject


def state_on(subject: LimitRule, reader: Reader) -> LimitState | None:
    """The limit that there is now on what ``subject`` is about, and its use."""
    found = states_of(reader.limits())
    return next((each for each in found if each.subject.identity == subject.identity), None)


def confirmed_limit(settings: Settings, operation: LimitOperation, reader: Reader) -> bool:
    """Ask on the terminal, with what there is now."""
    details = [
        f"  {name:<8}{text}" for name, text in state_details(state_on(operation.rule, reader))
    ]
    return bulk.confirmed(settings, operation, Scope(operation.location), None, details)


def preview_limit(args: argparse.Namespace, operation: LimitOperation, reader: Reader) -> int:
    """Print what it would change. Returns the exit code."""
    rule, scope = operation.rule, Scope(operation.location)
    state = state_on(rule, reader)
    if args.json:
        now = state.rule if state is not None else None
        write_json(
            {
                "action": operation.audit_name(),
                "dry_run": True,
                **subject_document(rule),
                "limit": rule.limit.text or None,
                "set": rule_document(now) if now is not None else None,
                "declared": (state.declared or None) if state is not None else None,
                "waiting": state.waiting if state is not None else 0,
            }
        )
        return 0
    lines = [preview_line(operation, scope, None)]
    lines += [f"  {name:<8}{text}" for name, text in state_details(state)]
    write_lines([safe(line, bulk.LONGEST_LINE) for line in lines])
    return 0
