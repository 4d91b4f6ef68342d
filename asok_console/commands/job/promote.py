"""``asok job promote``: ``PromoteDelayed`` of the catalogue."""

from __future__ import annotations

import argparse

from asok_console.commands.support import selection
from asok_core.operations.catalog.waiting_jobs import PromoteDelayed
from asok_core.settings.settings import Settings

OPERATIONS = (PromoteDelayed,)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    selection.add_arguments(parser, "delayed jobs", queue=False)


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Promote the jobs."""
    return selection.act(args, settings, PromoteDelayed(), {PromoteDelayed.location})
