"""``asok dlq export``: dead letters as JSON Lines that import reads back, or as CSV."""

from __future__ import annotations

import argparse
import base64
import csv
import hashlib
import json
import os
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from asok_console.commands.documents import error_line, row_document, say
from asok_console.present import numbers
from asok_core import filters
from asok_core.backends.roles import Reader
from asok_core.config import Settings
from asok_core.errors import AsokError
from asok_core.inspector import open_reader
from asok_core.snapshot import Row
from asok_core.states import Place
from asok_core.survey import frozen, rows_in

COLUMNS = ("id", "task", "queue", "failed_at", "error", "attempts", "enqueued_at", "trust")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("file", nargs="?", default="-", help="where to write to [- is stdout]")
    parser.add_argument("--format", choices=("jsonl", "csv"), default="jsonl", help="[jsonl]")
    parser.add_argument("--filter", metavar="WORDS", default="", help="those that answer to it")
    parser.add_argument("--url", help="the Redis to look at, over ASOK_REDIS_URL")


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Write the dead letters, oldest first. Redis is not changed."""
    chosen = filters.parse(args.filter)
    reader = open_reader(settings, args.url)
    try:
        rows = _whole_rows(
            reader, rows_in(reader, frozen(reader, Place.DEAD, chosen=chosen or None))
        )
        write = _write_csv if args.format == "csv" else _write_lines
        with _opened(args.file) as stream:
            written = write(rows, stream)
    finally:
        reader.close()
    say(f"exported {numbers.plural(written, 'dead letter')}")
    return 0


def to_line(raw: bytes, row: Row) -> str:
    """One line: the letter byte for byte, a digest of it, and what a person wants to see."""
    document: dict[str, Any] = row_document(row)
    kept = {name: document[name] for name in ("id", "task", "queue", "failed_at", "error")}
    try:
        kept["letter"] = raw.decode()
    except UnicodeDecodeError:
        kept["letter64"] = base64.b64encode(raw).decode()
    kept["sha256"] = hashlib.sha256(raw).hexdigest()
    return json.dumps(kept)


def _whole_rows(reader: Reader, rows: Iterable[Row]) -> Iterator[Row]:
    for row in rows:
        if row.partial:
            whole = reader.job(row.payload.id) if row.payload.id else None
            if whole is None or whole.payload is None or whole.place is not Place.DEAD:
                say(f"left out {row.key}: it is too large and was not found by its id")
                continue
            yield Row(row.position, whole.payload, row.place, row.queue, row.at)
        else:
            yield row


def _write_lines(rows: Iterable[Row], stream: TextIO) -> int:
    count = 0
    for count, row in enumerate(rows, 1):  # noqa: B007 - the count is the result
        stream.write(to_line(row.payload.raw, row) + "\n")
    return count


def _write_csv(rows: Iterable[Row], stream: TextIO) -> int:
    writer = csv.writer(stream)
    writer.writerow(COLUMNS)
    count = 0
    for count, row in enumerate(rows, 1):  # noqa: B007 - the count is the result
        document = row_document(row) | {"error": error_line(row)}
        writer.writerow([_cell(document[name]) for name in COLUMNS])
    return count


def _cell(value: object) -> str:
    text = "" if value is None else str(value).encode("utf-8", "replace").decode()
    # A spreadsheet would run it as a formula.
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


@contextmanager
def _opened(name: str) -> Iterator[TextIO]:
    if name == "-":
        yield sys.stdout
        return
    path = Path(name)
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except OSError as error:
        raise AsokError(f"{name} cannot be written: {error.strerror}") from None
    # Under its own name only when it is whole.
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as stream:
            yield stream
        Path(temporary).replace(path)
    finally:
        Path(temporary).unlink(missing_ok=True)
