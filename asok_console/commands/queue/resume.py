"""``asok queue resume``: workers claim from a queue again."""

from __future__ import annotations

import argparse

from asok_console.commands.support import direct
from asok_core.operations.catalog.switches import ResumeQueue
from asok_core.settings.settings import Settings

OPERATIONS = (ResumeQueue,)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    direct.add_queue(parser)


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Resume it."""
    return direct.switch_queue(args, settings, ResumeQueue())
