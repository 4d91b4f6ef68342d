"""``asok worker stop``: a worker ends as by SIGTERM."""

from __future__ import annotations

import argparse

from asok_console.commands.support import worker_command
from asok_core.settings.settings import Settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    worker_command.add_arguments(parser)


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Let it give back what has not begun, end what runs, and leave."""
    return worker_command.give(
        args, settings, "told to stop", lambda operator, worker: operator.stop(worker)
    )
