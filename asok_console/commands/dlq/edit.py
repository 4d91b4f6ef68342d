"""``asok dlq requeue --id ID --args JSON``: one dead letter with other arguments."""

from __future__ import annotations

import argparse
import json
from typing import Any

from asok_console.commands import bulk
from asok_console.commands.dlq.purge import AFTERMATH
from asok_core.backends.roles import CommandResult, Operator, Scope, Watch
from asok_core.codec import check_arguments
from asok_core.config import Settings
from asok_core.errors import JobNotFound, UsageError
from asok_core.inspector import on_redis, open_reader
from asok_core.nesting import DEEPEST, any_too_deep
from asok_core.search import PATIENCE
from asok_core.states import Place


def requeue_edited(args: argparse.Namespace, settings: Settings) -> int:
    """Requeue the letter with what was given; the letter itself goes to the trash."""
    if args.filter is not None or args.all or len(args.id or ()) != 1:
        raise UsageError("--args and --kwargs change one dead letter: name it by one --id ID")
    if args.canary is not None or args.rate is not None:
        raise UsageError(
            "--canary and --rate are for many dead letters, not for one that is edited"
        )
    (key,) = args.id
    given = _given(args.args, "--args", list), _given(args.kwargs, "--kwargs", dict)
    positional, named = given if None not in given else _filled(args, settings, key, *given)
    try:
        check_arguments(positional, named)
    except TypeError as error:
        raise UsageError(str(error)) from None

    def perform(operator: Operator, _scope: Scope, _watch: Watch) -> CommandResult:
        return operator.edit(key, positional, named, trust=args.trust)

    deed = bulk.Deed("edit", "requeued", "dead letter", Place.DEAD, perform, aftermath=AFTERMATH)
    return bulk.act(args, settings, deed)


def _given(text: str | None, option: str, wanted: type[Any]) -> Any:
    if text is None:
        return None
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{option} is no JSON: {error}") from None
    if not isinstance(value, wanted):
        shape = "a list" if wanted is list else "an object"
        raise UsageError(f"{option} must be {shape}")
    return value


def _filled(
    args: argparse.Namespace, settings: Settings, key: str, positional: Any, named: Any
) -> tuple[Any, Any]:
    reader = open_reader(on_redis(settings, args.url))
    try:
        detail = reader.job(key, patience=PATIENCE)
    finally:
        reader.close()
    job = detail.payload.job if detail and detail.payload else None
    if job is None:
        raise JobNotFound(f"there is no dead letter {key!r} that can be read")
    if any_too_deep((*job.args, *job.kwargs.values())):
        raise UsageError(
            f"cannot edit {key}: its arguments are nested more than {DEEPEST} levels deep; "
            "give both --args and --kwargs"
        )
    return (
        list(job.args) if positional is None else positional,
        dict(job.kwargs) if named is None else named,
    )
