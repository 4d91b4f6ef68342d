"""``asok worker resume``: a quiet worker takes jobs again."""

from __future__ import annotations

import argparse

from asok_console.commands.support import worker_command
from asok_core.settings.settings import Settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    worker_command.add_arguments(parser)


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Let it take jobs again."""
    return worker_command.give(
        args, settings, "resumed", lambda operator, worker: operator.resume_worker(worker)
    )
