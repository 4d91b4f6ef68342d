"""``asok dlq import``: an export back among the dead letters, byte for byte."""

from __future__ import annotations

import argparse
import base64
import binascii
import hashlib
import json
import sys
from collections.abc import Iterable
from pathlib import Path

from asok_console.commands.support import bulk
from asok_console.commands.support.documents import write_json, write_lines
from asok_console.commands.support.progress import Meter
from asok_console.presentation import prose
from asok_core.errors import UsageError
from asok_core.jobs.states import Location
from asok_core.operations.export import REDACTED
from asok_core.operations.inspector import on_redis, open_operator
from asok_core.settings.settings import Settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("file", help="what export wrote (- is stdin)")
    parser.add_argument("--trust", action="store_true", help="take those with a bad signature, too")
    parser.add_argument("--dry-run", action="store_true", help="only check the file")
    bulk.add_common(parser)


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Check the whole file, and only then put its letters back."""
    settings = on_redis(settings, args.url)
    dead_jobs = read_dead_jobs(args.file)
    if args.dry_run:
        if args.json:
            write_json({"action": "import", "dry_run": True, "letters": len(dead_jobs)})
        else:
            write_lines([f"would import {prose.plural(len(dead_jobs), 'dead letter')}"])
        return 0
    command = bulk.BulkCommand(
        "import",
        "imported",
        "dead letter",
        Location.DEAD,
        lambda operator, _scope, watch: operator.import_dead(
            dead_jobs, trust=args.trust, watch=watch
        ),
    )
    operator = open_operator(settings)
    try:
        with Meter(command.done) as meter:
            result = operator.import_dead(dead_jobs, trust=args.trust, watch=meter)
    finally:
        operator.close()
    return bulk.report(args, command, result)


def read_dead_jobs(name: str) -> list[bytes]:
    """The letters of an export. Raises UsageError that names the line at fault."""
    try:
        if name == "-":
            return dead_jobs_of(sys.stdin.buffer, "stdin")
        with Path(name).open("rb") as stream:
            return dead_jobs_of(stream, name)
    except OSError as error:
        raise UsageError(f"{name} cannot be read: {error.strerror}") from None


def dead_jobs_of(lines: Iterable[bytes], name: str) -> list[bytes]:
    """The letters of the lines of an export, the oldest first."""
    return [
        _dead_job(line, f"{name}, line {number}")
        for number, line in enumerate(lines, 1)
        if line.strip()
    ]


def _dead_job(line: bytes, where: str) -> bytes:
    try:
        fields = json.loads(line)
    except (ValueError, RecursionError):
        fields = None
    if not isinstance(fields, dict):
        raise UsageError(f"{where} is no line of an export: it is not a JSON object")
    if REDACTED in fields:
        raise UsageError(
            f"{where} cannot be imported: its values are hidden; export with --unredacted"
        )
    text, packed = fields.get("letter"), fields.get("letter64")
    try:
        if isinstance(text, str):
            dead_job = text.encode()
        elif isinstance(packed, str):
            dead_job = base64.b64decode(packed, validate=True)
        else:
            raise UsageError(f"{where} is no line of an export: it holds no letter")
    except (binascii.Error, UnicodeEncodeError):
        raise UsageError(f"{where}: its letter cannot be read") from None
    if hashlib.sha256(dead_job).hexdigest() != fields.get("sha256"):
        raise UsageError(f"{where} was changed since it was exported; nothing is imported")
    return dead_job
