"""What pausing and resuming share."""

from __future__ import annotations

import argparse

from asok_console.commands.support.documents import (
    reasons,
    result_document,
    write_json,
    write_lines,
)
from asok_console.commands.support.queue_names import known
from asok_console.presentation.text import safe
from asok_core.operations.inspector import on_redis, open_operator, open_reader
from asok_core.settings.settings import Settings


def switch(args: argparse.Namespace, settings: Settings, verb: str, done: str) -> int:
    """Pause or resume a queue, and say so. Doing it twice is no error."""
    settings = on_redis(settings, args.url)
    reader = open_reader(settings)
    try:
        queue = known(reader, args.queue)
    finally:
        reader.close()
    operator = open_operator(settings)
    try:
        result = operator.pause(queue) if verb == "pause" else operator.resume(queue)
    finally:
        operator.close()
    if args.json:
        write_json({**result_document(result), "queue": queue})
    else:
        unchanged = f" ({reasons(result.skipped)})" if result.skipped else ""
        write_lines([f"{done} {safe(queue, 100)}{unchanged}"])
    return 0
