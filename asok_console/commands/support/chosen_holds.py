"""The holds that a command names."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from asok_console.commands.support.documents import say
from asok_console.presentation.text import safe
from asok_core.errors import UsageError
from asok_core.inspection.holds import HoldState
from asok_core.inspection.snapshot import Snapshot


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
