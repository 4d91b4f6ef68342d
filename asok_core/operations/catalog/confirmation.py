"""What is asked before an operation, and what is warned of: once for the console and the command line.

The texts may hold names from Redis: the code that prints them makes them safe for a terminal.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from asok_core.backends.roles import Scope
from asok_core.inspection.phrases import counted
from asok_core.inspection.snapshot import Snapshot
from asok_core.jobs.states import Location
from asok_core.operations.catalog.entry import CatalogOperation, Danger, ScopeKind
from asok_core.operations.hazards import hazards, hazards_of_unknown_queues

WRONG_KEY = "SECRET_KEY is likely wrong: workers will refuse the jobs"


def target_of(operation: CatalogOperation, scope: Scope, count: int | None) -> str:
    """What it is about: ``46 dead jobs``, ``queue 'high'``, ``worker web-1``."""
    return operation.subject(scope) if count is None else counted(count, operation.noun)


def phrase(operation: CatalogOperation, scope: Scope, count: int | None) -> str:
    """``purge 46 dead jobs``, ``move 3 pending jobs to queue 'low'``."""
    what = target_of(operation, scope, count)
    return f"{operation.verb} {what}{operation.suffix(scope)}"


def question(operation: CatalogOperation, scope: Scope, count: int | None) -> str:
    """The question of a confirmation: ``Purge 46 dead jobs?``."""
    return f"{_capital(phrase(operation, scope, count))}?"


def button(operation: CatalogOperation, scope: Scope, count: int | None) -> str:
    """The verb of the question, and how many: ``Purge 46 jobs``."""
    what = operation.short_subject(scope) if count is None else counted(count, "job")
    return f"{_capital(operation.verb)} {what}"


def preview_line(operation: CatalogOperation, scope: Scope, count: int | None) -> str:
    """``Would purge 46 dead jobs``; without a count ``Would remove hold 4f2a1c``."""
    return f"Would {phrase(operation, scope, count)}"


def facts(operation: CatalogOperation, scope: Scope) -> Iterator[tuple[str, str]]:
    """What a confirmation states beside the question: names and values."""
    if ScopeKind.FILTER in operation.scopes and scope.ids is None:
        yield "Filter", scope.words or "none"
    if explanation := operation.explanation():
        yield "How", explanation
    if operation.undo.words:
        yield "Undo", operation.undo.words


def is_grave(operation: CatalogOperation, scope: Scope) -> bool:
    """Whether a yes is never enough."""
    by_filter = operation.danger is Danger.BROAD and scope.ids is None
    return by_filter or operation.danger is Danger.GRAVE


def confirmation_word_for(
    operation: CatalogOperation, scope: Scope, count: int | None, *, protected: bool = False
) -> str | None:
    """What must be typed before it is performed, or None where a yes is enough."""
    guarded = operation.guarded or (count is not None and count > 1)
    if is_grave(operation, scope) or (protected and guarded):
        return operation.confirmation_word()
    return None


def warnings(
    operation: CatalogOperation,
    snapshot: Snapshot,
    count: int | None,
    queues: Mapping[str, int] | None,
    *,
    wrong_key: bool = False,
) -> tuple[str, ...]:
    """What makes it pointless or harmful now.

    ``queues``: how many of its jobs belong to which queue, None where that is not known. ``wrong_key``:
    whether SECRET_KEY verifies no signature.
    """
    to = _destinations(operation, count, queues)
    found = hazards(snapshot, to=to, trash=operation.undo.to_trash)
    if wrong_key and operation.signs:
        found = (WRONG_KEY, *found)
    # A restore of dead jobs or delayed ones puts nothing into a queue.
    if operation.enqueues and not to and operation.location is not Location.TRASH:
        found += hazards_of_unknown_queues(snapshot, count or 0)
    return found


def _destinations(
    operation: CatalogOperation, count: int | None, queues: Mapping[str, int] | None
) -> Mapping[str, int]:
    if queues is not None:
        return operation.destinations(queues)
    # Where all go to one queue, it does not matter from which ones they come.
    known = operation.destinations({"": count or 0})
    return {} if "" in known else known


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
