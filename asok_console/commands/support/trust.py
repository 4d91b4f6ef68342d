"""Sign dead jobs that an operator trusts: exactly those that were reviewed."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from asok_console.commands.support import bulk
from asok_console.commands.support.documents import say, write_json, write_lines
from asok_console.commands.support.progress import ProgressMeter
from asok_console.presentation.reviews import refusals, review_lines, summary
from asok_console.presentation.text import safe
from asok_core.errors import Refused, UsageError
from asok_core.inspection.review import NOT_REVIEWED, Review, ReviewBuilder, ReviewedCall
from asok_core.jobs.states import Location
from asok_core.operations.catalog.confirmation import preview_line
from asok_core.operations.catalog.entry import CatalogOperation
from asok_core.operations.catalog.results import total_of
from asok_core.operations.inspector import on_redis, open_reader
from asok_core.operations.preview import Preview, preview
from asok_core.settings.settings import Settings


@dataclass(frozen=True, slots=True)
class ReviewedScope:
    """What one pass over the scope has found."""

    counted: Preview
    review: Review


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare ``--trust`` and ``--reviewed``."""
    parser.add_argument(
        "--trust",
        action="store_true",
        help="sign what is unsigned or has a bad signature: you vouch for every call that is listed",
    )
    parser.add_argument(
        "--reviewed",
        metavar="HASH",
        help="with --trust: only if the entries are still those of which --dry-run printed this hash",
    )


def act(
    args: argparse.Namespace,
    settings: Settings,
    operation_of: Callable[[ReviewedScope], CatalogOperation],
) -> int:
    """Read the scope once, show what would be signed, ask, and act on exactly that.

    Returns 1 where anything was refused, is not as it was reviewed, or is not there although it is named.
    Without ``args.trust`` nothing that lacks a good signature is signed.
    """
    settings = on_redis(settings, args.url)
    if args.trust:
        settings.require_secret_key()
    bulk.refuse_without_yes(args)
    looked = _read_review(args, settings)
    operation, review, missing = operation_of(looked), looked.review, looked.counted.missing
    if args.dry_run:
        _write_preview(args, operation, looked)
        return int(bool(missing))
    bulk.say_missing(missing)
    if args.reviewed not in (None, review.hash):
        raise Refused(
            "the dead jobs to be signed are not those that were reviewed (their hash is now "
            f"{review.hash}); nothing was signed: review them again with --dry-run"
        )
    if not args.yes and looked.counted.matching and not _agreed(args, settings, operation, looked):
        say(bulk.NOTHING_DONE)
        return 1
    scope = looked.counted.scope
    result = total_of(bulk.perform(settings, operation, scope))
    code = bulk.report(args, operation, scope, result)
    return code or int(bool(missing) or NOT_REVIEWED in result.skipped)


def check(args: argparse.Namespace) -> None:
    """Raise UsageError where ``--trust``, ``--reviewed`` and what else was given do not fit together."""
    others = {"--args": args.args, "--kwargs": args.kwargs, "--canary": args.canary}
    given = [name for name, value in others.items() if value is not None]
    if args.trust and given:
        # As in the console: what runs is what was reviewed.
        raise UsageError(f"--trust requeues dead jobs as they are; remove {given[0]}")
    if args.reviewed is not None and not args.trust:
        raise UsageError("--reviewed requires --trust")
    if args.trust and args.yes and args.reviewed is None and not args.dry_run:
        raise UsageError(
            "--trust --yes requires --reviewed HASH: --dry-run lists what would be signed and "
            "prints the hash"
        )


def _read_review(args: argparse.Namespace, settings: Settings) -> ReviewedScope:
    reader, builder = open_reader(settings), ReviewBuilder()
    try:
        scope = bulk.scope_of(args, reader, Location.DEAD)
        with ProgressMeter("matching") as meter:
            counted = preview(reader, scope, watch=meter, each=builder.add)
        if meter.interrupted:
            raise KeyboardInterrupt
        return ReviewedScope(counted, builder.finish())
    finally:
        reader.close()


def _agreed(
    args: argparse.Namespace,
    settings: Settings,
    operation: CatalogOperation,
    looked: ReviewedScope,
) -> bool:
    count = looked.review.requeues if args.trust else looked.counted.matching
    lines = list(_lines(looked.review)) if args.trust else []
    sys.stderr.writelines(f"{line}\n" for line in lines)
    if not count:
        # Nothing would change; the result gives the reasons.
        return True
    with closing(open_reader(settings)) as reader:
        bulk.warn(reader, operation, count, looked.counted.queues)
    return bulk.confirmed(settings, operation, looked.counted.scope, count, operation.details())


def _write_preview(
    args: argparse.Namespace, operation: CatalogOperation, looked: ReviewedScope
) -> None:
    review = looked.review if args.trust else None
    if args.json:
        # A program can distinguish what is signed on trust, which the audit calls a requeue as well.
        action = operation.verb if operation.reviews else operation.audit_name()
        document = bulk.preview_document(action, looked.counted)
        if review is not None:
            document["trust"] = _document(review)
        write_json(document)
        return
    if review is None:
        bulk.write_preview(operation, looked.counted)
    else:
        write_lines([safe(preview_line(operation, looked.counted.scope, review.requeues))])
        write_lines(bulk.missing_lines(looked.counted.missing))
        write_lines(_lines(review))
    write_lines([safe(line, bulk.LONGEST_LINE) for line in operation.details()])
    if review is not None:
        write_lines([f"reviewed: {review.hash}"])


def _lines(review: Review) -> Iterator[str]:
    yield summary(review)
    yield from refusals(review)
    yield from (line.text for line in review_lines(review))


def _document(review: Review) -> dict[str, Any]:
    return {
        "signs": review.signs,
        "requeues": review.requeues,
        "calls": _calls(review.calls),
        "shared_ids": [{"id": each.id, "calls": _calls(each.calls)} for each in review.shared],
        "refused": dict(review.refused),
        "reviewed": review.hash,
    }


def _calls(calls: Iterable[ReviewedCall]) -> list[dict[str, Any]]:
    return [{"task": call.task, "call": call.text, "jobs": call.jobs} for call in calls]
