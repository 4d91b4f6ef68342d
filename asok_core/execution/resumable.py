"""``resumable()``: a loop that a job continues where an earlier attempt has ended."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar

from asok_core.execution.current_job import Reports, RunningAttempt, current_job, running

T = TypeVar("T")

AFTER, DONE = "after", "done"
"""Keys of its cursors: the key of the last item that was done, or how many were done."""
BEGIN_AGAIN = "edit and requeue the job to begin again"


def resumable(iterable: Iterable[T], key: Callable[[T], Any] | str | None = None) -> Iterator[T]:
    """Iterate over the items that no earlier attempt of the job has done, with a checkpoint after each.

    An item is done when the next one is asked for. The next attempt skips those that were done, by their
    number; with a ``key`` it begins after the item of that key, wherever this is by then. The items and
    their order must be the same, but for what comes after: a query for what is left skips as many again.
    What asks for items ahead has not done them: pass batches to it, not it to what makes batches.
    Items that are skipped are read: for a large source, ask ``current_job().cursor`` where to begin, and
    call ``current_job().checkpoint()``.

    A job has one such loop, which makes all its checkpoints.

    Args:
        iterable: Any iterable.
        key: Returns a JSON value that only this item has; or the name of an attribute, or of a key of
            items that are mappings.

    Raises:
        RuntimeError: This code runs outside a job, or the job has another such loop.
        LookupError: On iteration: the items that were done are not there.
        ValueError: On iteration: the checkpoint was made in another way.
        JobInterrupted: On iteration: the process is about to end. See ``CurrentJob.checkpoint``.

    Examples:
        >>> def load(pages):
        ...     done = []
        ...     for page in resumable(pages):
        ...         if page == "c" and current_job().attempt == 1:
        ...             raise ConnectionError("page c is missing")
        ...         done.append(page)
        ...     return done
        >>> configure(Settings(queue_backend="eager"))
        >>> background(load, ["a", "b", "c", "d"], _retries=1, _backoff=0).result()
        ['c', 'd']
    """
    current_job()
    found = running.get()
    assert found is not None, "there is a current job"
    _, reports, attempt = found
    if attempt.iterates:
        raise RuntimeError("resumable() is used twice in this job; a job has one such loop")
    attempt.iterates = True
    items = iter(iterable)
    return (
        _by_number(items, reports, attempt)
        if key is None
        else _by_key(items, key, reports, attempt)
    )


def _by_number(items: Iterator[T], reports: Reports, attempt: RunningAttempt) -> Iterator[T]:
    done = _found(DONE, reports.cursor(attempt), 0)
    for at in range(done):
        if next(items, _NOTHING) is _NOTHING:
            raise LookupError(
                f"the checkpoint is after item {done}, and the iterable has {at} items; {BEGIN_AGAIN}"
            )
    for item in items:
        yield item
        done += 1
        reports.checkpoint(attempt, {DONE: done})


def _by_key(
    items: Iterator[T], key: Callable[[T], Any] | str, reports: Reports, attempt: RunningAttempt
) -> Iterator[T]:
    after = _found(AFTER, reports.cursor(attempt), _NOTHING)
    if after is not _NOTHING and not any(_key_of(item, key) == after for item in items):
        raise LookupError(f"no item has the key of the last one that was done; {BEGIN_AGAIN}")
    for item in items:
        # Before the task gets the item, which it may change.
        cursor = {AFTER: _key_of(item, key)}
        yield item
        reports.checkpoint(attempt, cursor)


def _found(name: str, cursor: Any, otherwise: Any) -> Any:
    if cursor is None:
        return otherwise
    made = _maker(cursor)
    if made != name:
        raise ValueError(f"the checkpoint of this job was made {_HOW[made]}; {BEGIN_AGAIN}")
    return cursor[name]


def _maker(cursor: Any) -> str:
    """The key of a cursor that a loop made; '' of one that the task made."""
    if not isinstance(cursor, dict) or len(cursor) != 1:
        return ""
    ((name, value),) = cursor.items()
    is_number = type(value) is int and value >= 0
    return name if name == AFTER or (name == DONE and is_number) else ""


def _key_of(item: Any, key: Callable[[Any], Any] | str) -> Any:
    if not isinstance(key, str):
        return key(item)
    return item[key] if isinstance(item, Mapping) else getattr(item, key)


_HOW = {AFTER: "with a key", DONE: "without a key", "": "by current_job().checkpoint()"}
_NOTHING: Any = object()
