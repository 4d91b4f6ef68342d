"""``asok trash restore``: ``RestoreTrash`` of the catalogue."""

from __future__ import annotations

import argparse

from asok_console.commands.support import bulk, direct
from asok_core.backends.roles import Scope
from asok_core.operations.catalog.trash import RestoreTrash
from asok_core.settings.settings import Settings

OPERATIONS = (RestoreTrash,)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument(
        "operation",
        metavar="OPERATION_ID",
        help="the id of an operation, as asok trash list shows it",
    )
    bulk.add_common(parser)


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Restore the trash of one operation."""
    operation = RestoreTrash(args.operation)
    return direct.perform(args, settings, operation, Scope(operation.location))
