"""``asok worker quiet``: a worker takes no more jobs; what it runs goes on."""

from __future__ import annotations

import argparse

from asok_console.commands.support import worker_command
from asok_core.settings.settings import Settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    worker_command.add_arguments(parser)


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Let it take no more jobs."""
    return worker_command.give(
        args, settings, "quieted", lambda operator, worker: operator.quiet(worker)
    )
