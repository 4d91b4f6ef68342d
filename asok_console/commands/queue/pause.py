"""``asok queue pause``: no worker claims from a queue until it is resumed."""

from __future__ import annotations

import argparse

from asok_console.commands.support import direct
from asok_core.operations.catalog.switches import PauseQueue
from asok_core.settings.settings import Settings

OPERATIONS = (PauseQueue,)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    direct.add_queue(parser)


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Pause it. Running jobs finish."""
    return direct.switch_queue(args, settings, PauseQueue())
