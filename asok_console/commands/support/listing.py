"""What commands share that list jobs: a filter, and how many at most."""

from __future__ import annotations

import argparse

from asok_console.commands.support import bulk
from asok_console.commands.support.options import filter_of, whole_number
from asok_core.inspection.filters import Filter
from asok_core.jobs.states import Location

MOST = 1_000_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare ``--filter``, ``--limit`` and the common options."""
    parser.add_argument("--filter", metavar="FILTER", default="", help="only jobs that match")
    parser.add_argument("--limit", metavar="N", default="20", help="show at most N jobs [20]")
    bulk.add_common(parser)


def asked_for(args: argparse.Namespace, location: Location | None) -> tuple[Filter, int]:
    """The filter, of jobs in ``location``, and the limit. Raises UsageError."""
    limit = whole_number("--limit", args.limit, 1, MOST)
    return filter_of(args.filter, location), limit
