"""The holds that a command names."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from asok_console.commands.support import bulk
from asok_console.commands.support.documents import result_document, say, write_json
from asok_console.presentation.text import safe
from asok_core.backends.roles import OperationResult, Scope
from asok_core.errors import NoSuchHold, UsageError
from asok_core.inspection.holds import HAS_JOBS, HoldState
from asok_core.inspection.snapshot import Snapshot
from asok_core.operations.catalog.entry import CatalogOperation
from asok_core.operations.catalog.results import total_of
from asok_core.settings.settings import Settings


def add_chosen(parser: argparse.ArgumentParser, what: str = "") -> None:
    """Declare how to name holds. ``what``: which of them ``--all`` is about."""
    parser.add_argument(
        "hold", metavar="HOLD", nargs="*", help="ids of holds, as asok hold list shows them"
    )
    parser.add_argument("--all", action="store_true", help=f"all holds {what}".strip())


def chosen_holds(args: argparse.Namespace, snapshot: Snapshot) -> Sequence[HoldState]:
    """The holds that are named. Raises UsageError for an unknown one, and where none can be read.

    One whose rule this release cannot read must be named: another release enforces it.
    """
    if bool(args.hold) == args.all:
        raise UsageError("specify exactly one of HOLD..., --all")
    if snapshot.holds_problem:
        raise UsageError(f"holds cannot be read: {snapshot.holds_problem}")
    if args.all:
        left = [each.id for each in snapshot.holds if not each.is_known]
        if left:
            say(f"not these, whose rules this release cannot read: {safe(', '.join(left), 300)}")
        return [each for each in snapshot.holds if each.is_known]
    known = {each.id: each for each in snapshot.holds}
    for name in args.hold:
        if name not in known:
            raise UsageError(f"there is no hold {name!r}; asok hold list shows those there are")
    return [known[name] for name in dict.fromkeys(args.hold)]


@contextmanager
def one_document(
    args: argparse.Namespace, action: str, results: Mapping[str, OperationResult]
) -> Iterator[None]:
    """Print with ``--json`` the results that the body adds, by hold, as one document.

    Also where the body fails: what was done to the holds before that is not lost.
    """
    whole = False
    try:
        yield
        whole = True
    finally:
        if args.json and (whole or results):
            done = [hold for hold, each in results.items() if HAS_JOBS not in each.refused]
            write_json({**result_document(_merged(action, results)), "holds": done})


def perform_on_hold(
    args: argparse.Namespace, settings: Settings, operation: CatalogOperation
) -> OperationResult | None:
    """Perform an operation on a hold. None for one of ``--all`` that has ended since, which is stated."""
    try:
        return total_of(bulk.perform(settings, operation, Scope(operation.location)))
    except NoSuchHold as error:
        if not args.all:
            raise
        # Another operator or a worker was faster: that must not keep the others.
        say(f"asok: {safe(str(error), bulk.LONGEST_LINE)}")
        return None


def _merged(action: str, results: Mapping[str, OperationResult]) -> OperationResult:
    """As of one operation, where there was one."""
    found = list(results.values())
    if len(found) == 1:
        return found[0]
    refused = Counter[str]()
    for each in found:
        refused.update(each.refused)
    return OperationResult(
        action,
        sum(each.applied for each in found),
        refused=dict(refused),
        cancelled=any(each.cancelled for each in found),
    )
