"""The filter language of console and command line: words all of which a row must match.

``or`` separates groups of such words: a row must match all words of one group.
``mail`` anywhere; ``queue:high`` exactly that queue; ``task:``, ``error:``, ``arg:``, ``id:`` contain the
text; ``task:=shop.send`` is exactly that task, ``arg:kwargs.tenant=acme`` exactly that argument;
``group:`` is an error group as ``asok dlq groups`` shows it (also ``cause:``); ``status:failed`` or
``status:unsigned``; ``age:>1h`` older, ``age:<5m`` younger, ``since:15:00``, ``between:15:00..16:30``;
``attempt:>3``; ``size:>1MiB``; ``worker:`` contains the text, ``release:`` begins with it (of a running
job: that of its worker); of pending, held and dead jobs neither is known;
``!`` before a word negates it, but what is not known matches neither; quotes keep spaces, colons and a
leading ``!`` as they are. Case does not matter.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from asok_core.errors import UsageError
from asok_core.inspection.error_groups import error_group_of
from asok_core.inspection.filter_fields import (
    Test,
    age_test,
    attempt_test,
    between_test,
    path_test,
    since_test,
    size_test,
)
from asok_core.inspection.row_texts import (
    TRUSTS,
    error_of,
    has_argument,
    has_task,
    holds_anywhere,
    id_of,
    status_of,
    time_of,
    traceback_of,
)
from asok_core.inspection.rows import Row
from asok_core.jobs.states import Location, Status

FIELDS = {
    "queue": "exactly this queue (* stands for anything)",
    "task": "module.function holds this (=shop.send: is exactly this)",
    "error": "the error holds this",
    "traceback": "the traceback holds this",
    "group": "the dead job is in exactly this error group (as asok dlq groups shows it)",
    "arg": "an argument holds this (name=value: that keyword argument; args[0].id=7: that path)",
    "id": "the job's id begins with this",
    "status": "how the job is, or what its signature is worth",
    "age": ">1h: older; <5m: younger",
    "since": "not before 15:00 (UTC), 2026-11-25T15:00, yesterday, yesterdayT15:00, or 2h ago: since:2h",
    "between": "from one such moment up to another, as in between:15:00..16:30",
    "worker": "the worker or process that runs it, or ran it last, holds this (delayed, running, recent)",
    "release": "the release that ran it last begins with this (delayed, running, recent)",
    "attempt": "the number of its attempt, as in attempt:2 or attempt:>3",
    "size": "the bytes of its envelope, as in size:>1MiB",
}
"""What each field asks, for help and error lines."""

ALIASES = {"cause": "group"}
"""Former names of fields, which are still read."""

STATUSES = (*map(str, Status), "signed", "unsigned", "unverified", "bad", "v1", "malformed")

_TIMES = {"age": age_test, "since": since_test, "between": between_test}
"""Fields that ask for the time of a job."""

_LONELY = "filter word 'or': there must be words before and after it (in quotes it is plain text)"

_FIELD = re.compile(r"([A-Za-z_]+):")


@dataclass(frozen=True, slots=True)
class FilterWord:
    """One word of a filter. ``field`` is empty for a word that may occur in any field."""

    field: str
    value: str
    negated: bool
    test: Test

    def holds(self, row: Row, now: float) -> bool:
        """Whether the row answers to it; where that is not known, it answers to no negation either."""
        found = self.test(row, now)
        return found is not None and found is not self.negated


@dataclass(frozen=True, slots=True)
class Filter:
    """A parsed filter; one without words matches every row. ``text`` is as it was typed."""

    text: str
    groups: tuple[tuple[FilterWord, ...], ...] = ()
    """The words between two ``or``."""

    def __bool__(self) -> bool:
        return bool(self.groups)

    @property
    def words(self) -> tuple[FilterWord, ...]:
        """All its words."""
        return tuple(word for group in self.groups for word in group)

    @property
    def reads_arguments(self) -> bool:
        """Whether it can only be decided with the arguments, which a list leaves out of large jobs."""
        return any(word.field in ("", "arg", "traceback") for word in self.words)

    def unknown_in(self, location: Location) -> tuple[str, ...]:
        """The fields that it asks for and that are not known of jobs there: no such word matches one."""
        asked = (word.field for word in self.words if word.field in _IN_RECORDS)
        return tuple(dict.fromkeys(asked)) if location in _WITHOUT_RECORDS else ()

    def matches(self, row: Row, now: float) -> bool:
        """Whether the row answers to every word of a group. ``now``: epoch seconds of the Redis server."""
        if not self.groups:
            return True
        return any(all(word.holds(row, now) for word in group) for group in self.groups)


def parse(text: str) -> Filter:
    """Read a filter.

    Raises:
        UsageError: A word is invalid; the line names it and says what is allowed.
    """
    groups: list[list[FilterWord]] = [[]]
    for each in _words(text):
        if each is not None:
            groups[-1].append(each)
        elif groups[-1]:
            groups.append([])
        else:
            raise UsageError(_LONELY)
    if len(groups) > 1 and not groups[-1]:
        raise UsageError(_LONELY)
    return Filter(text, tuple(map(tuple, groups)) if groups[0] else ())


def word(name: str, value: str) -> str:
    """The filter word that asks field ``name`` for ``value``, in quotes where it needs them."""
    if value and not any(char.isspace() or char in "\"'\\" for char in value):
        return f"{name}:{value}"
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'{name}:"{escaped}"'


def _words(text: str) -> Iterator[FilterWord | None]:
    """The words; None stands for ``or``."""
    at = 0
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        begin = at
        negated = text[at] == "!"
        at += negated
        name = ""
        if found := _FIELD.match(text, at):
            name, at = found[1].lower(), found.end()
            name = ALIASES.get(name, name)
        value, at = _value(text, at)
        typed = text[begin:at]
        if typed.lower() == "or":
            yield None
            continue
        if name and name not in FIELDS:
            raise UsageError(
                f"filter word {typed!r}: there is no field {name!r}; fields are "
                f"{', '.join(FIELDS)} (in quotes it is plain text)"
            )
        if not value:
            problem = f"{name}: must be followed by a value" if name else "it holds nothing"
            raise UsageError(f"filter word {typed!r}: {problem}")
        yield FilterWord(name, value, negated, _test(name, value.casefold(), typed))


def _value(text: str, at: int) -> tuple[str, int]:
    """The value that begins at ``at``, its quotes taken off, and where it ends."""
    if at >= len(text) or text[at] not in "\"'":
        end = at
        while end < len(text) and not text[end].isspace():
            end += 1
        return text[at:end], end
    quote, parts, end = text[at], [], at + 1
    while end < len(text):
        if text[end] == "\\" and end + 1 < len(text):
            parts.append(text[end + 1])
            end += 2
        elif text[end] == quote:
            return "".join(parts), end + 1
        else:
            parts.append(text[end])
            end += 1
    raise UsageError(f"filter word {text[at:]!r}: the quote {quote} is not closed")


def _test(name: str, value: str, word: str) -> Test:
    if name in _TIMES:
        return _TIMES[name](value, word, time_of)
    if name in _CHECKED:
        return _CHECKED[name](value, word)
    if name in _IN_RECORDS:
        return _IN_RECORDS[name](value)
    if name == "arg" and (test := path_test(value)) is not None:
        return test
    if name == "queue":
        is_meant = queue_test(value)
        return lambda row, _now: is_meant(row.queue)
    holds = _HOLDS[name]
    return lambda row, _now: holds(row, value)


def queue_test(value: str) -> Callable[[str], bool]:
    """Whether a queue is the one that ``queue:`` names; ``*`` stands for anything."""
    parts = map(re.escape, value.casefold().split("*"))
    pattern = re.compile(".*".join(parts), re.DOTALL)
    return lambda queue: pattern.fullmatch(queue.casefold()) is not None


def _status_test(value: str, word: str) -> Test:
    if value not in STATUSES:
        raise UsageError(f"filter word {word!r}: status is one of {', '.join(STATUSES)}")
    return lambda row, _now: value in {status_of(row), TRUSTS[row.payload.trust]}


def _worker_test(value: str) -> Test:
    def test(row: Row, _now: float) -> bool | None:
        # Lists of pending and of dead jobs come without records, which alone have it.
        worker = row.worker or (row.record.worker if row.record else None)
        return value in worker.casefold() if worker else None

    return test


def _release_test(value: str) -> Test:
    def test(row: Row, _now: float) -> bool | None:
        release = row.release or (row.record.release if row.record else None)
        return release.casefold().startswith(value) if release else None

    return test


_IN_RECORDS: dict[str, Callable[[str], Test]] = {"worker": _worker_test, "release": _release_test}
"""Fields that are known from the record of a job, or from the worker that holds it."""
_WITHOUT_RECORDS = frozenset({Location.PENDING, Location.HELD, Location.DEAD})
"""Lists of these come without records, of which there may be a hundred thousand."""

_CHECKED: dict[str, Callable[[str, str], Test]] = {
    "status": _status_test,
    "attempt": attempt_test,
    "size": size_test,
}
"""Fields whose value must be one of some, or be of a form."""

_HOLDS: dict[str, Callable[[Row, str], bool]] = {
    "": holds_anywhere,
    "task": has_task,
    "error": lambda row, value: value in error_of(row),
    "traceback": lambda row, value: value in traceback_of(row),
    "group": lambda row, value: error_group_of(row).casefold() == value,
    "arg": has_argument,
    "id": lambda row, value: id_of(row).startswith(value),
}
