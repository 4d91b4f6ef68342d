"""``asok dlq import``: ``ImportDead`` of the catalogue."""

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
from asok_core.backends.roles import Scope
from asok_core.errors import UsageError
from asok_core.operations.catalog.confirmation import preview_line
from asok_core.operations.catalog.dead_jobs import ImportDead
from asok_core.operations.export import REDACTED
from asok_core.operations.inspector import on_redis
from asok_core.settings.settings import Settings

OPERATIONS = (ImportDead,)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("file", metavar="FILE", help="the file that export wrote (- is stdin)")
    parser.add_argument(
        "--trust", action="store_true", help="also import jobs with a bad signature"
    )
    parser.add_argument("--dry-run", action="store_true", help="only check the file")
    bulk.add_common(parser)


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Check the whole file, and only then import its jobs."""
    settings = on_redis(settings, args.url)
    dead_jobs = read_dead_jobs(args.file)
    operation, scope = ImportDead(dead_jobs, args.trust), Scope(ImportDead.location)
    if args.dry_run:
        if args.json:
            write_json({"action": operation.verb, "dry_run": True, "letters": len(dead_jobs)})
        else:
            write_lines([preview_line(operation, scope, len(dead_jobs))])
        return 0
    result = bulk.perform(settings, operation, scope)
    return bulk.report(args, operation, scope, result)


def read_dead_jobs(name: str) -> list[bytes]:
    """The dead jobs of an export. Raises UsageError that names the invalid line."""
    try:
        if name == "-":
            return dead_jobs_of(sys.stdin.buffer, "stdin")
        with Path(name).open("rb") as stream:
            return dead_jobs_of(stream, name)
    except OSError as error:
        raise UsageError(f"{name} cannot be read: {error.strerror}") from None


def dead_jobs_of(lines: Iterable[bytes], name: str) -> list[bytes]:
    """The dead jobs of the lines of an export, the oldest first."""
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
        raise UsageError(f"{where} is not a line of an export: it is not a JSON object")
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
            raise UsageError(f"{where} is not a line of an export: it has no dead job")
    except (binascii.Error, UnicodeEncodeError):
        raise UsageError(f"{where}: its dead job cannot be read") from None
    if hashlib.sha256(dead_job).hexdigest() != fields.get("sha256"):
        raise UsageError(f"{where} was changed since it was exported; nothing is imported")
    return dead_job
