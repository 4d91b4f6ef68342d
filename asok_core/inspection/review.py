"""The review before an operator vouches for dead jobs: what is signed is what was shown, byte for byte.

Redis is not trusted to decide what runs. Between the review and the signature any client that can write
to it may add an entry with the same id, change one, or copy one; none of these is signed.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, NamedTuple

from asok_core.errors import UsageError
from asok_core.inspection.rows import Row
from asok_core.jobs.envelope import UNTRUSTED, Trust
from asok_core.jobs.job import EARLIER_ERROR, Job
from asok_core.jobs.nesting import DEEPEST, any_too_deep

NOT_REVIEWED = "not as reviewed"
"""Why an entry is skipped: it was added or changed after the review, or is a copy of a reviewed one."""
SHARED_ID = "shares its id with another dead job"
TOO_DEEP = f"nested more than {DEEPEST} levels deep"
TOO_LARGE = "too large to be reviewed"
UNCHECKED = "its signature was not checked"
SIGNED_JOB = "(a job with a good signature)"
"""Shown for such a job where it shares an id: otherwise it is not part of the review."""
_USUAL_BACKOFF = 2

MOST_TEXT = 16 * 1024 * 1024
"""Characters of the distinct calls of one review. A person cannot read more, and it is in memory."""
_PLAIN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*")


class ReviewedEntries:
    """Entries that an operator vouches for, by the SHA-256 of all their bytes. Each is signed once.

    ``shared_ids`` are ids that several dead jobs in scope have: none of those is signed or requeued.
    """

    def __init__(self, digests: Iterable[bytes], shared_ids: Iterable[str] = ()) -> None:
        self._left = set(digests)
        self.shared_ids = frozenset(shared_ids)

    def __len__(self) -> int:
        """How many can still be signed."""
        return len(self._left)

    def take(self, raw: bytes) -> bool:
        """Whether an entry is one of them; true once for each, since a copy was not reviewed."""
        digest = entry_digest(raw)
        if digest not in self._left:
            return False
        self._left.discard(digest)
        return True

    def undo_take(self, raw: bytes) -> None:
        """Undo ``take`` of an entry that was not moved after all."""
        self._left.add(entry_digest(raw))


class ReviewedCall(NamedTuple):
    """A call as it is shown: printable ASCII, nothing left out, nothing that looks like something else.

    ``task`` is its ``module.function``, ``jobs`` how many dead jobs make it.
    """

    text: str
    task: str
    jobs: int


class SharedId(NamedTuple):
    """An id that several dead jobs have, and their calls."""

    id: str
    calls: tuple[ReviewedCall, ...]


@dataclass(frozen=True, slots=True)
class Review:
    """What a trust would sign. ``calls``: each distinct call, those of the rarest tasks first.

    ``total`` dead jobs are in scope, ``signed`` of them have a good signature and are requeued as they
    are. ``refused`` counts the others by reason. ``hash`` identifies all entries without a good
    signature: with an equal hash, the same is signed.
    """

    total: int
    signed: int
    calls: tuple[ReviewedCall, ...]
    shared: tuple[SharedId, ...]
    refused: Mapping[str, int]
    reviewed: ReviewedEntries
    hash: str

    @property
    def signs(self) -> int:
        """How many dead jobs would be signed."""
        return sum(call.jobs for call in self.calls)

    @property
    def requeues(self) -> int:
        """How many dead jobs would be requeued."""
        return self.signs + self.signed


class ReviewBuilder:
    """Builds a review from rows, one by one. Keeps hashes, and each distinct call once."""

    def __init__(self) -> None:
        self._total = 0
        self._tasks: dict[str, str] = {}
        self._size = 0
        self._unsigned: dict[str, tuple[bytes, str]] = {}
        self._signed: set[int] = set()
        self._shared: dict[str, Counter[str]] = {}
        self._left_out: list[bytes] = []
        self._refused: Counter[str] = Counter()

    def add(self, row: Row) -> None:
        """Add a row with all its bytes. Raises UsageError where the calls are too long to review."""
        self._total += 1
        payload = row.payload
        job, trust = payload.job, payload.trust
        if row.partial:
            self._refused[TOO_LARGE] += 1
        elif job is None:
            self._refused[trust.value] += 1
        elif trust is Trust.SIGNED:
            self._add(job.id, b"", SIGNED_JOB)
        elif trust not in UNTRUSTED:
            self._refused[UNCHECKED] += 1
        elif any_too_deep((*job.args, *job.kwargs.values(), _beside(job))):
            self._left_out.append(entry_digest(payload.raw))
            self._refused[TOO_DEEP] += 1
        else:
            self._add(job.id, entry_digest(payload.raw), self._text(job))

    def finish(self) -> Review:
        """The review of all that was added."""
        texts = Counter(text for _, text in self._unsigned.values())
        shared = sum(calls.total() for calls in self._shared.values())
        if shared:
            self._refused[SHARED_ID] += shared
        digests = [digest for digest, _ in self._unsigned.values()]
        return Review(
            self._total,
            len(self._signed),
            self._calls(texts),
            tuple(SharedId(each, self._calls(found)) for each, found in self._shared.items()),
            dict(self._refused),
            ReviewedEntries(digests, self._shared),
            _hash_of(digests, self._left_out),
        )

    def _add(self, job_id: str, digest: bytes, text: str) -> None:
        # Of a signed job its id is kept as a number: there may be a million of them.
        number = hash(job_id)
        if job_id in self._shared or job_id in self._unsigned or number in self._signed:
            calls = self._shared.setdefault(job_id, Counter())
            if job_id in self._unsigned:
                first, its_text = self._unsigned.pop(job_id)
                self._left_out.append(first)
                calls[its_text] += 1
            if number in self._signed:
                self._signed.discard(number)
                calls[SIGNED_JOB] += 1
            calls[text] += 1
            if digest:
                self._left_out.append(digest)
        elif digest:
            self._unsigned[job_id] = digest, text
        else:
            self._signed.add(number)

    def _text(self, job: Job) -> str:
        text = call_text(job)
        if text not in self._tasks:
            self._size += len(text)
            if self._size > MOST_TEXT:
                raise UsageError(
                    f"the distinct calls of these dead jobs are longer than {MOST_TEXT:,} characters, "
                    "too much for one review; choose fewer of them by a filter or by their ids"
                )
            self._tasks[text] = _task_text(job)
        return text

    def _calls(self, texts: Counter[str]) -> tuple[ReviewedCall, ...]:
        calls = [
            ReviewedCall(text, self._tasks.get(text, ""), jobs) for text, jobs in texts.items()
        ]
        by_task = Counter[str]()
        for call in calls:
            by_task[call.task] += call.jobs
        # The rarest come first, where an operator sees them among thousands.
        return tuple(sorted(calls, key=lambda each: (by_task[each.task], each.task, each.text)))


def entry_digest(raw: bytes) -> bytes:
    """The digest by which a review identifies an entry."""
    return sha256(raw).digest()


def call_text(job: Job) -> str:
    """A job as a call in printable ASCII, with all that it holds beside its arguments."""
    arguments = [*map(_json, job.args)]
    arguments += (f"{_name(key)}={_json(value)}" for key, value in job.kwargs.items())
    beside = _beside(job)
    return f"{_task_text(job)}({', '.join(arguments)})" + (
        f" with {_json(beside)}" if beside else ""
    )


def _task_text(job: Job) -> str:
    return f"{_name(job.module)}.{_name(job.function)}"


def _beside(job: Job) -> dict[str, Any]:
    """What decides where and how a job runs, or is handed to it; a requeue sets the rest itself."""
    found: dict[str, Any] = {"queue": job.queue} if job.queue != "default" else {}
    # How often it runs, and at which intervals.
    found |= {"retries": job.retries} if job.retries else {}
    found |= {"backoff": job.backoff} if job.backoff != _USUAL_BACKOFF else {}
    names = ("timeout", "hard_timeout", "unique", "request", "keep_result")
    values = ((name, getattr(job, name)) for name in names)
    found |= {name: value for name, value in values if value is not None}
    if job.typed:
        found["typed"] = list(job.typed)
    return found | {key: value for key, value in job.extra.items() if key != EARLIER_ERROR}


def _name(text: str) -> str:
    # What is not a name is quoted, or a name could contain what looks like a call of its own.
    return text if _PLAIN_NAME.fullmatch(text) else _json(text)


def _json(value: object) -> str:
    # JSON in ASCII; it leaves this one control character as it is.
    return json.dumps(value).replace("\x7f", "\\u007f")


def _hash_of(digests: Iterable[bytes], left_out: Iterable[bytes]) -> str:
    whole = sha256(b"asok review\n")
    for part in (digests, left_out):
        for digest in sorted(part):
            whole.update(digest)
        whole.update(b"\n")
    return whole.hexdigest()
