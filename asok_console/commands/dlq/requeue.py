"""``asok dlq requeue``: dead letters back to their queues with all their retries."""

from __future__ import annotations

import argparse

from asok_console.commands.support import bulk, trust
from asok_core.backends.roles import CommandResult, Operator, Scope, Watch
from asok_core.errors import UsageError
from asok_core.jobs.states import Location
from asok_core.settings.settings import Settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    bulk.add_arguments(parser)
    parser.add_argument("--rate", metavar="N", help="at most so many jobs a second")
    trust.add_arguments(parser)
    parser.add_argument(
        "--canary",
        metavar="N",
        help="send N first, watch how they go, and go on only if none fails as before",
    )
    parser.add_argument(
        "--args", metavar="JSON", help="with one --id: these positional arguments instead"
    )
    parser.add_argument(
        "--kwargs", metavar="JSON", help="with one --id: these keyword arguments instead"
    )


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Requeue what the words say."""
    rate = positive("--rate", args.rate)
    trust.check(args)
    if args.args is not None or args.kwargs is not None:
        from asok_console.commands.support.edit import requeue_edited

        return requeue_edited(args, settings)
    if args.canary is not None:
        from asok_console.commands.support.canary import requeue_carefully

        return requeue_carefully(args, settings, rate)
    if args.trust:
        return trust.act(args, settings, lambda looked: _trusting(looked, rate))
    command = bulk.BulkCommand(
        "requeue",
        "requeued",
        "dead letter",
        Location.DEAD,
        lambda operator, scope, watch: operator.requeue(scope, watch=watch, rate=rate),
        returns=True,
    )
    return bulk.act(args, settings, command)


def _trusting(looked: trust.ReviewedScope, rate: float | None) -> bulk.BulkCommand:
    def perform(operator: Operator, scope: Scope, watch: Watch) -> CommandResult:
        return operator.requeue(scope, trust=looked.review.reviewed, watch=watch, rate=rate)

    return bulk.BulkCommand(
        trust.VERB, "requeued", "dead job", Location.DEAD, perform, word=trust.WORD, returns=True
    )


def positive(option: str, text: str | None) -> float | None:
    """A number above zero, or None where the option was not given. Raises UsageError."""
    if text is None:
        return None
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number <= 1_000_000:
        raise UsageError(f"{option} {text!r} is not a number above 0")
    return number
