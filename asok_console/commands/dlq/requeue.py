"""``asok dlq requeue``: ``RequeueDead`` and its variants of the catalogue."""

from __future__ import annotations

import argparse

from asok_console.commands.support import bulk, trust
from asok_console.commands.support.options import positive
from asok_core.operations.catalog.dead_jobs import (
    CanaryRequeue,
    EditDead,
    RequeueDead,
    TrustDead,
)
from asok_core.operations.catalog.summaries import CANARY_REQUEUE
from asok_core.settings.settings import Settings

OPERATIONS = (RequeueDead, TrustDead, CanaryRequeue, EditDead)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    bulk.add_arguments(parser)
    parser.add_argument("--rate", metavar="N", help="requeue at most N jobs per second")
    trust.add_arguments(parser)
    parser.add_argument(
        "--canary",
        metavar="N",
        help=CANARY_REQUEUE.in_general("N jobs"),
    )
    parser.add_argument(
        "--args", metavar="JSON", help="with one --id: replace the positional arguments"
    )
    parser.add_argument(
        "--kwargs", metavar="JSON", help="with one --id: replace the keyword arguments"
    )


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Requeue the dead jobs."""
    rate = positive("--rate", args.rate)
    trust.check(args)
    if args.args is not None or args.kwargs is not None:
        from asok_console.commands.support.edit import requeue_edited

        return requeue_edited(args, settings)
    if args.canary is not None:
        from asok_console.commands.support.canary import requeue_carefully

        return requeue_carefully(args, settings, rate)
    if args.trust:
        return trust.act(args, settings, lambda looked: TrustDead(looked.review.reviewed, rate))
    return bulk.act(args, settings, RequeueDead(rate))
