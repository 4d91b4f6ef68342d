"""``asok worker quiet``: a worker takes no more jobs; what it runs goes on."""

from __future__ import annotations

import argparse

from asok_console.commands.orders import order
from asok_core.config import Settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    order.add_arguments(parser)


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Let it take no more jobs."""
    return order.give(args, settings, "quieted", lambda operator, worker: operator.quiet(worker))
