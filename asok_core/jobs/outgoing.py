"""From a call to a signed envelope: the arguments are encoded, and the job is written and signed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from asok_core.errors import PayloadTooLarge
from asok_core.jobs.calls import Call, function_of
from asok_core.jobs.codec import EncodedArguments, encode_arguments
from asok_core.jobs.envelope import seal_text
from asok_core.jobs.envelope_text import SKELETON, envelope_size
from asok_core.jobs.job import Job, new_id, new_ids
from asok_core.jobs.job_text import to_text
from asok_core.jobs.keyring import Keyring, keyring_of
from asok_core.jobs.plain import is_plain
from asok_core.settings.settings import Settings


class CheckedCall(NamedTuple):
    """A call whose function a worker can import, by ``names``: module and function."""

    call: Call
    names: tuple[str, str]
    redact: Mapping[str, Any] | None = None
    """What ``redaction.mark`` returned."""


@dataclass(slots=True)
class OutgoingJob:
    """A job that can be sent: it is written as JSON, and its envelope is small enough."""

    job: Job
    text: str
    keyring: Keyring

    def envelope(self) -> bytes:
        """The signed envelope. Producers call this late, while Redis works on earlier jobs."""
        return seal_text(self.text, self.keyring)


class JobWriter:
    """Writes the jobs of a producer. Raises SettingsError if there is no key to sign them."""

    def __init__(self, settings: Settings) -> None:
        self._keyring = keyring_of(settings)
        self._limit = settings.max_payload

    def of_call(
        self, call: CheckedCall, clock: Callable[[], float], request: Mapping[str, Any] | None
    ) -> OutgoingJob:
        """The job of a call, enqueued at the time of ``clock``, during ``request``.

        Raises TypeError that names the argument which cannot be encoded, before it asks ``clock``
        (which may be Redis), and PayloadTooLarge.
        """
        arguments = _encoded(call.call)
        return self._written(call, arguments, new_id(), clock(), request)

    def of_calls(
        self,
        calls: Sequence[CheckedCall],
        clock: Callable[[], float],
        request: Mapping[str, Any] | None,
    ) -> list[OutgoingJob]:
        """The jobs of many calls, enqueued at the same time; see ``of_call``."""
        arguments = [_encoded(call.call) for call in calls]
        now, ids = clock(), new_ids(len(calls))
        return [
            self._written(call, encoded, job_id, now, request)
            for call, encoded, job_id in zip(calls, arguments, ids, strict=True)
        ]

    def _written(
        self,
        checked: CheckedCall,
        arguments: EncodedArguments | None,
        job_id: str,
        now: float,
        request: Mapping[str, Any] | None,
    ) -> OutgoingJob:
        call, names, redact = checked
        job = call.job(job_id, names, now, request, redact)
        if arguments is not None:
            job.args, job.kwargs, job.typed = arguments
        return OutgoingJob(job, sendable_text(job, self._limit), self._keyring)

    def of_job(self, job: Job) -> OutgoingJob:
        """A job whose arguments are encoded. Raises TypeError and PayloadTooLarge."""
        return OutgoingJob(job, sendable_text(job, self._limit), self._keyring)


def _encoded(call: Call) -> EncodedArguments | None:
    """The arguments of a call as they are sent; None if that is as they are."""
    for value in (*call.args, *call.kwargs.values()):
        if not is_plain(value):
            return encode_arguments(function_of(call.function), call.args, call.kwargs)
    return None


def sendable_text(job: Job, limit: int) -> str:
    """The text of a job whose envelope has at most ``limit`` bytes.

    Raises TypeError if it cannot be written as JSON, and PayloadTooLarge.
    """
    try:
        text = to_text(job)
    except (TypeError, ValueError, RecursionError) as error:
        # Arguments were checked before; what remains is a call with too little stack left.
        raise TypeError(f"the job of {job.task} cannot be written as JSON: {error}") from None
    # Counting takes longer than writing a short text, and no character takes more than two bytes.
    if 2 * len(text) + SKELETON > limit and (size := envelope_size(text)) > limit:
        raise PayloadTooLarge(
            f"the arguments of {job.task} make {size:,} bytes, more than "
            f"ASOK_MAX_PAYLOAD ({limit:,}); pass an id that the task looks up"
        )
    return text
