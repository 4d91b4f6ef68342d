"""``asok queue resume``: workers take jobs from a queue again."""

from __future__ import annotations

import argparse

from asok_console.commands.support import bulk
from asok_console.commands.support.queue_switch import switch
from asok_core.settings.settings import Settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("queue", help="its name")
    bulk.add_common(parser)


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Resume it."""
    return switch(args, settings, "resume", "resumed")
