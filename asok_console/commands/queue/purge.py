"""``asok queue purge``: ``PurgeQueue`` of the catalogue."""

from __future__ import annotations

import argparse

from asok_console.commands.support import bulk
from asok_console.commands.support.queue_names import known
from asok_core.backends.roles import Reader, Scope
from asok_core.operations.catalog.switches import PurgeQueue
from asok_core.operations.preview import resolved
from asok_core.settings.settings import Settings

OPERATIONS = (PurgeQueue,)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("queue", metavar="QUEUE", help="the name of the queue")
    bulk.add_arguments(parser, scoped=False)


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Purge the queue. Running jobs finish."""

    def scope_from(reader: Reader) -> Scope:
        return resolved(reader, PurgeQueue.location, queue=known(reader, args.queue))

    return bulk.act(args, settings, PurgeQueue(), scope_from)
