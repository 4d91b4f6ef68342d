"""``asok dlq export``: ``ExportDead`` of the catalogue, also to standard output and as CSV."""

from __future__ import annotations

import argparse
import csv
import sys
import unicodedata
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from asok_console.commands.support import bulk
from asok_console.commands.support.documents import error_line, row_document, say
from asok_console.commands.support.options import filter_of
from asok_console.presentation.text import safe_block
from asok_core.errors import UsageError
from asok_core.inspection.notes import Notes
from asok_core.inspection.rows import Row
from asok_core.jobs.states import Location
from asok_core.operations.catalog.dead_jobs import ExportDead
from asok_core.operations.catalog.results import result_line
from asok_core.operations.export import export_result, line_of, notes_on
from asok_core.operations.inspector import open_reader
from asok_core.operations.preview import resolved, rows_in
from asok_core.runtime.whole_file import new_file
from asok_core.settings.settings import Settings

OPERATIONS = (ExportDead,)

COLUMNS = (
    *("id", "task", "queue", "failed_at", "error", "attempts", "enqueued_at", "trust"),
    *("note", "error_note"),
)
_BEGIN_FORMULAS = "=+-@\u2212"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument(
        "file", metavar="FILE", nargs="?", default="-", help="the file to write [- is stdout]"
    )
    parser.add_argument("--format", choices=("jsonl", "csv"), default="jsonl", help="[jsonl]")
    parser.add_argument("--id", action="append", metavar="JOB_ID", help="this job; may be repeated")
    parser.add_argument("--filter", metavar="FILTER", default="", help="jobs that match")
    parser.add_argument(
        "--unredacted",
        action="store_true",
        help="write the values that ASOK_REDACT and tasks hide; only such lines can be imported",
    )
    parser.add_argument("--url", help="Redis URL (overrides ASOK_REDIS_URL)")


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Write the dead jobs, oldest first. Redis is not changed.

    Returns 1 where a job that is named is not there.
    """
    if args.id and args.filter:
        raise UsageError("specify only one of --id, --filter")
    chosen = filter_of(args.filter, Location.DEAD) or None
    reader = open_reader(settings, args.url, redacted=not args.unredacted)
    try:
        ids = frozenset(args.id) if args.id else None
        scope = resolved(reader, Location.DEAD, chosen=chosen, ids=ids)
        rows, notes, missing = rows_in(reader, scope), reader.notes(), set(args.id or ())
        if ids:
            rows = _found(rows, missing)
        write = _write_csv if args.format == "csv" else _write_lines
        operation = ExportDead(None if args.file == "-" else Path(args.file))
        with _opened(args.file) as stream:
            written, redacted = write(rows, notes, stream)
    finally:
        reader.close()
    say(result_line(operation, scope, export_result(written, redacted, notes)))
    if redacted:
        say("--unredacted writes the hidden values")
    bulk.say_missing(missing)
    return int(bool(missing))


def _found(rows: Iterable[Row], missing: set[str]) -> Iterator[Row]:
    """The rows, whose keys are removed from ``missing``."""
    for row in rows:
        missing.discard(row.key)
        yield row


def _write_lines(rows: Iterable[Row], notes: Notes, stream: TextIO) -> tuple[int, int]:
    count = redacted = 0
    for count, row in enumerate(rows, 1):  # noqa: B007 - the count is the result
        stream.write(line_of(row, notes) + "\n")
        redacted += row.payload.redacted
    return count, redacted


def _write_csv(rows: Iterable[Row], notes: Notes, stream: TextIO) -> tuple[int, int]:
    writer = csv.writer(stream)
    writer.writerow(COLUMNS)
    count = 0
    for count, row in enumerate(rows, 1):  # noqa: B007 - the count is the result
        written = {name: note.text for name, note in notes_on(row, notes).items()}
        document = row_document(row) | {"error": error_line(row)} | written
        writer.writerow([_cell(document.get(name)) for name in COLUMNS])
    return count, 0


def _cell(value: object) -> str:
    text = "" if value is None else str(value)
    # A spreadsheet would run it as a formula, some also behind blanks and in other forms of the sign.
    first = unicodedata.normalize("NFKC", text.lstrip()[:1])
    mark = "'" if first and first in _BEGIN_FORMULAS else ""
    return mark + safe_block(text).replace("\n", "↵")


@contextmanager
def _opened(name: str) -> Iterator[TextIO]:
    if name == "-":
        yield sys.stdout
        # What was exported is counted only once it is written.
        sys.stdout.flush()
        return
    with new_file(Path(name)) as stream:
        yield stream
