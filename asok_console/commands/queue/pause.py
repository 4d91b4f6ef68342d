"""``asok queue pause``: no worker claims from a queue until it is resumed."""

from __future__ import annotations

import argparse
from contextlib import closing

from asok_console.commands.support import direct
from asok_console.commands.support.queue_names import known
from asok_core.backends.roles import Scope
from asok_core.operations.catalog.switches import PauseQueue
from asok_core.operations.inspector import open_reader
from asok_core.settings.settings import Settings

OPERATIONS = (PauseQueue,)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    direct.add_queue(parser)


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Pause it. Running jobs finish."""
    with closing(open_reader(settings, args.url)) as reader:
        queue = known(reader, args.queue)
    scope = Scope(PauseQueue.location, queue)
    return direct.switch(args, settings, PauseQueue(), scope, queue=queue)
