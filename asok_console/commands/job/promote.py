"""``asok job promote``: delayed jobs to their queues now."""

from __future__ import annotations

import argparse

from asok_console.commands.support import bulk, selection
from asok_core.jobs.states import Location
from asok_core.settings.settings import Settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    selection.add_arguments(parser, "delayed jobs", queue=False)


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Promote the jobs."""
    command = bulk.BulkCommand(
        "promote",
        "promoted",
        "job",
        Location.DELAYED,
        lambda operator, scope, watch: operator.promote(scope, watch=watch),
        returns=True,
    )
    return selection.act(args, settings, command, {Location.DELAYED})
