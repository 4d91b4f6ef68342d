"""Signed envelopes: how they are sealed, verified and inspected; entries of the dead-letter queue.

What is signed, and by which key, is in ``keyring.py``, the format in ``envelope_text.py``. The framework
``asok`` 0.8.0 writes and reads version 1.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from asok_core.errors import (
    BadSignature,
    MalformedEnvelope,
    OldEnvelope,
    UnsignedEnvelope,
)
from asok_core.jobs.envelope_text import CONTENTS, envelope_of, parse, parse_written
from asok_core.jobs.job import Job
from asok_core.jobs.job_text import finite, from_text, in_order, job_of, load_object, to_text
from asok_core.jobs.keyring import V1, Keyring, Version
from asok_core.jobs.oversized import alias_words, oversized_words

_quoted = json.encoder.encode_basestring_ascii
_BESIDE = ("failed_at", "error", "traceback", "rejected")
"""Keys of a dead job beside those of its envelope."""
_SHORT = 1024
"""Bytes up to which data that is not an envelope is kept as text whatever its length in JSON."""


class Trust(StrEnum):
    """What is known of a payload's signature."""

    SIGNED = "signed"
    UNVERIFIED = "unverified"
    UNSIGNED = "unsigned"
    BAD = "bad signature"
    V1 = "signature of version 1"
    """It is valid, but ``ASOK_ENVELOPE`` does not accept version 1."""
    MALFORMED = "malformed"
    OVERSIZED = "oversized"
    """It was not read; its dead job has the size."""


UNTRUSTED = frozenset((Trust.UNSIGNED, Trust.BAD, Trust.V1))
"""Payloads that are signed again only if an operator explicitly trusts them."""


def seal(job: Job, keyring: Keyring, version: Version | None = None) -> bytes:
    """The signed envelope of a job, as it is stored in Redis."""
    return seal_text(to_text(job), keyring, version)


def seal_again(job: Job, keyring: Keyring, raw: bytes) -> bytes:
    """A new envelope for a job that was read from ``raw``, in the same version."""
    return seal(job, keyring, keyring.again(parse(raw).version))


def seal_text(text: str, keyring: Keyring, version: Version | None = None) -> bytes:
    """The signed envelope of a job text that is already trusted."""
    version = version or keyring.writes
    return envelope_of(version, text, keyring.sign(text, version))


def unseal(raw: bytes, keyring: Keyring) -> Job:
    """Return the job of an envelope whose signature is valid.

    Raises an EnvelopeError (malformed, unsigned, bad signature, version not accepted), and no other
    error for any bytes.
    """
    version, text, signature = parse_written(raw) or _signed(raw)
    if not keyring.verifies(text, signature, version):
        where = "" if version == V1 else f" in namespace {keyring.namespace}"
        raise BadSignature(f"the signature does not match SECRET_KEY{where}; was the key changed?")
    if version == V1 and not keyring.accepts_v1:
        raise OldEnvelope("it is signed in version 1, which ASOK_ENVELOPE=v2 does not accept")
    return from_text(text)


def _signed(raw: bytes) -> tuple[Version, str, str]:
    fields, version, text, signature, _ = parse(raw)
    if version is None or text is None:
        if "module" in fields:
            raise UnsignedEnvelope("the job is not signed")
        raise MalformedEnvelope("'job' and 'sig' of the envelope are not both text")
    if signature is None:
        raise UnsignedEnvelope("the job is not signed")
    return version, text, signature


def is_canonical(raw: bytes) -> bool:
    """Whether an envelope is byte for byte as we and the framework write it."""
    _, version, text, signature, _ = parse(raw)
    if version is None or text is None or signature is None:
        return False
    return raw == envelope_of(version, text, signature)


@dataclass(frozen=True, slots=True)
class Payload:
    """What is known of an element that should be an envelope.

    ``job`` is None if the text is malformed; ``problem`` is then the reason in one line.
    ``failed_at``, ``error`` and ``traceback`` are those of a dead job. ``envelope`` is what a
    requeue enqueues unchanged: None if the element has no signed text.
    """

    raw: bytes
    job: Job | None
    trust: Trust
    problem: str | None = None
    envelope: bytes | None = None
    failed_at: float | None = None
    error: str | None = None
    traceback: str | None = None
    rejected: bool = False
    """Whether it is a dead job that a worker rejected before it ran."""
    text: str | None = None
    """The signed JSON text of the job, whether the signature is valid or not; None if unsigned."""
    version: Version | None = None
    """The version of its envelope; None for a bare job."""
    size: int | None = None
    """Size in bytes of a large element that was not read whole: the job has no arguments, and
    ``raw`` is the beginning. None if ``raw`` is the whole element."""
    redacted: bool = False
    """Whether values are hidden (see ``redaction``): ``job``, ``error`` and ``traceback`` may be
    shown, ``raw``, ``text`` and ``envelope`` may not."""
    sum: str = ""
    """``rows.digest`` of such an element if it has no id."""

    @property
    def id(self) -> str:
        """The job's id, or an empty string if it is unreadable."""
        return self.job.id if self.job else ""


def peek(raw: bytes, keyring: Keyring | None = None) -> Payload:
    """Inspect an envelope or dead job without trusting it. Never raises.

    With a keyring the signature is checked; without one ``trust`` is at best ``unverified``.
    """
    try:
        parsed = parse(raw)
    except MalformedEnvelope as error:
        words = alias_words(raw)
        trust = Trust.MALFORMED if words is None else Trust.OVERSIZED
        return Payload(raw, None, trust, words or str(error))
    fields, version, text, signature, original = parsed
    dead_job = _dead_job(fields)
    if (words := _oversized(fields)) is not None:
        return Payload(raw, None, Trust.OVERSIZED, words, **dead_job)
    if original is not None:
        inner = peek(original, keyring)
        problem = inner.problem or dead_job["error"]
        return Payload(
            raw, inner.job, inner.trust, problem, original, **dead_job, text=inner.text,
            version=inner.version,
        )  # fmt: skip
    try:
        job = from_text(text) if text is not None else job_of(_bare(fields))
    except MalformedEnvelope as error:
        return Payload(raw, None, Trust.MALFORMED, str(error), None, **dead_job)
    if version is None or text is None or signature is None:
        return Payload(raw, job, Trust.UNSIGNED, None, None, **dead_job, version=version)
    envelope = envelope_of(version, text, signature)
    trust = _trust(keyring, version, text, signature)
    return Payload(raw, job, trust, None, envelope, **dead_job, text=text, version=version)


def _trust(keyring: Keyring | None, version: Version, text: str, signature: str) -> Trust:
    if keyring is None:
        return Trust.UNVERIFIED
    if not keyring.verifies(text, signature, version):
        return Trust.BAD
    return Trust.SIGNED if version != V1 or keyring.accepts_v1 else Trust.V1


def _dead_job(fields: Mapping[str, Any]) -> dict[str, Any]:
    failed_at = fields.get("failed_at")
    return {
        "failed_at": float(failed_at) if finite(failed_at) else None,
        "error": _optional_text(fields.get("error")),
        "traceback": _optional_text(fields.get("traceback")),
        "rejected": fields.get("rejected") is True,
    }


def dead_entry(
    raw: bytes, *, failed_at: float, error: str, traceback: str = "", rejected: bool = False
) -> bytes:
    """The dead job of an envelope: its job text and signature unchanged, and why it failed.

    ``rejected`` is for a job that never ran. It is kept when the dead-letter queue is full.

    Bytes that are not an envelope are kept whole under ``raw`` (``raw64`` if they are not UTF-8),
    so that an operator can inspect them.
    """
    dead_job: dict[str, Any]
    try:
        _, version, text, signature, _ = parse(raw)
    except MalformedEnvelope:
        signature = None
    if signature is not None:
        dead_job = {"v": version, "job": text, "sig": signature}
    else:
        dead_job = {"v": V1, **_kept(raw)}
    dead_job |= {"failed_at": failed_at, "error": error, "traceback": traceback}
    if rejected:
        # Last: push_dead in locations.lua recognises it by the end of the text.
        dead_job["rejected"] = True
    return json.dumps(dead_job).encode()


def _kept(raw: bytes) -> dict[str, str]:
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        text = None
    # JSON writes six bytes for a control character.
    if text is None or (len(raw) > _SHORT and len(_quoted(text)) > 2 * len(raw)):
        return {"raw64": base64.b64encode(raw).decode()}
    return {"raw": text}


def changed_text(payload: Payload, **changes: Any) -> str:
    """The job text of a readable payload with ``changes`` applied; other keys are unchanged.

    None removes a key. Raises MalformedEnvelope if the text is nested too deeply to be encoded.
    """
    try:
        fields = _bare_fields(payload.raw) if payload.text is None else json.loads(payload.text)
        fields |= changes
        kept = {k: v for k, v in fields.items() if v is not None}
        # In the order of every job text; arguments keep their own order.
        return json.dumps(in_order(kept))
    except RecursionError:
        raise MalformedEnvelope("it is nested too deeply") from None


def _bare_fields(raw: bytes) -> dict[str, Any]:
    fields, _, text, _, original = parse(raw)
    if original is not None:
        return _bare_fields(original)
    return _bare(fields) if text is None else load_object(text)


def _bare(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in fields.items() if k not in _BESIDE}


def _oversized(fields: Mapping[str, Any]) -> str | None:
    # It is ignored if the element could be a job.
    return None if fields.keys() & CONTENTS else oversized_words(fields)


def _optional_text(value: object) -> str | None:
    return None if value is None else str(value)
