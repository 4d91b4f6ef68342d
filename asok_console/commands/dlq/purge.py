"""``asok dlq purge``: dead letters to the trash, from where a day long they can be restored."""

from __future__ import annotations

import argparse

from asok_console.commands.support import bulk
from asok_core.jobs.states import Location
from asok_core.settings.settings import Settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    bulk.add_arguments(parser)


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Purge what the words say."""
    command = bulk.BulkCommand(
        "purge",
        "purged",
        "dead letter",
        Location.DEAD,
        lambda operator, scope, watch: operator.purge(scope, watch=watch),
        word="purge",
        aftermath=bulk.AFTERMATH,
        trash=True,
    )
    return bulk.act(args, settings, command)
