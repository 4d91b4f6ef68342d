"""``asok queue resume``: ``ResumeQueue`` of the catalogue."""

from __future__ import annotations

import argparse
from contextlib import closing

from asok_console.commands.support import direct
from asok_console.commands.support.queue_names import known
from asok_core.operations.catalog.switches import ResumeQueue
from asok_core.operations.inspector import open_reader
from asok_core.settings.settings import Settings

OPERATIONS = (ResumeQueue,)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    direct.add_queue(parser)


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Resume it."""
    with closing(open_reader(settings, args.url)) as reader:
        queue = known(reader, args.queue)
    return direct.switch_queue(args, settings, ResumeQueue(), queue)
