"""``asok dlq purge``: ``PurgeDead`` of the catalogue."""

from __future__ import annotations

import argparse

from asok_console.commands.support import bulk
from asok_core.operations.catalog.dead_jobs import PurgeDead
from asok_core.settings.settings import Settings

OPERATIONS = (PurgeDead,)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    bulk.add_arguments(parser)


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Purge the dead jobs."""
    return bulk.act(args, settings, PurgeDead())
