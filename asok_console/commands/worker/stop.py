"""``asok worker stop``: ``StopWorker`` of the catalogue."""

from __future__ import annotations

import argparse

from asok_console.commands.support import direct
from asok_core.operations.catalog.switches import StopWorker
from asok_core.settings.settings import Settings

OPERATIONS = (StopWorker,)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    direct.add_worker(parser)


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Request the stop. The worker waits for running jobs first."""
    return direct.switch_worker(args, settings, StopWorker(args.worker))
