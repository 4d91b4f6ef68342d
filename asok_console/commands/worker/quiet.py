"""``asok worker quiet``: ``QuietWorker`` of the catalogue."""

from __future__ import annotations

import argparse

from asok_console.commands.support import direct
from asok_core.operations.catalog.switches import QuietWorker
from asok_core.settings.settings import Settings

OPERATIONS = (QuietWorker,)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    direct.add_worker(parser)


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Quiet the worker."""
    return direct.switch_worker(args, settings, QuietWorker(args.worker))
