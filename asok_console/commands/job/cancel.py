"""``asok job cancel``: jobs that have not started, to the trash."""

from __future__ import annotations

import argparse

from asok_console.commands import bulk
from asok_console.commands.dlq.purge import AFTERMATH
from asok_console.commands.job.chosen import act_on_ids
from asok_core.config import Settings
from asok_core.states import Place


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("id", nargs="+", help="ids of pending or delayed jobs")
    bulk.add_common(parser)


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Cancel the jobs. Whoever waits for one is told."""
    deed = bulk.Deed(
        "cancel",
        "cancelled",
        "job",
        Place.PENDING,
        lambda operator, scope, watch: operator.cancel(scope, watch=watch),
        aftermath=AFTERMATH,
    )
    return act_on_ids(args, settings, deed, {Place.PENDING, Place.DELAYED})
