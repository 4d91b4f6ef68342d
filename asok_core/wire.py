"""The signed envelope: sealed and unsealed; dead letters, and what can be said of a broken one.

An envelope is ``{"v": 1, "job": JSON text, "sig": hex HMAC-SHA256 of that text under SECRET_KEY}``.
The framework ``asok`` 0.8.0 writes and reads the same bytes.
"""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from asok_core.config import Settings
from asok_core.errors import (
    BadSignature,
    EnvelopeError,
    MalformedEnvelope,
    PayloadTooLarge,
    UnsignedEnvelope,
)
from asok_core.job import Job
from asok_core.job_text import finite, from_text, job_of, load_object, to_text

VERSION = 1
_quoted = json.encoder.encode_basestring_ascii


class Trust(StrEnum):
    """What is known of a payload's signature."""

    SIGNED = "signed"
    UNVERIFIED = "unverified"
    UNSIGNED = "unsigned"
    BAD = "bad signature"
    MALFORMED = "malformed"


@dataclass(frozen=True, slots=True)
class Keyring:
    """SECRET_KEY signs and verifies; the fallbacks verify only, during a rotation."""

    secret: bytes = field(repr=False)
    fallbacks: tuple[bytes, ...] = field(default=(), repr=False)
    _begun: tuple[hmac.HMAC, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # With the key taken in: a copy costs less than beginning anew for each job.
        begun = tuple(hmac.new(key, digestmod="sha256") for key in (self.secret, *self.fallbacks))
        object.__setattr__(self, "_begun", begun)

    def sign(self, text: str) -> str:
        """Hex HMAC-SHA256 of ``text`` (RFC 2104)."""
        mac = self._begun[0].copy()
        mac.update(text.encode())
        return mac.hexdigest()

    def verifies(self, text: str, signature: str) -> bool:
        """Whether any of the keys made ``signature``; compared in constant time."""
        try:
            given = bytes.fromhex(signature)
            message = text.encode()
        except ValueError:
            return False
        for begun in self._begun:
            mac = begun.copy()
            mac.update(message)
            if hmac.compare_digest(mac.digest(), given):
                return True
        return False


def keyring_of(settings: Settings) -> Keyring:
    """SECRET_KEY and its fallbacks. Raises SettingsError when there is no key."""
    return Keyring(
        settings.require_secret_key().encode(),
        tuple(key.encode() for key in settings.secret_key_fallbacks),
    )


def seal(job: Job, keyring: Keyring) -> bytes:
    """The signed envelope of a job, as it is pushed to Redis."""
    return seal_text(to_text(job), keyring)


def envelope_size(text: str) -> int:
    """Bytes that the envelope of what ``to_text`` returned will have, without making it."""
    return _SKELETON + len(text) + text.count('"') + text.count("\\")


def sendable_text(job: Job, limit: int) -> str:
    """The text of a job whose envelope has at most ``limit`` bytes.

    Raises TypeError where it cannot be written as JSON, and PayloadTooLarge.
    """
    try:
        text = to_text(job)
    except (TypeError, ValueError, RecursionError) as error:
        # Arguments were looked at before; what is left is a call from too deep inside the program.
        raise TypeError(f"the job of {job.task} cannot be written as JSON: {error}") from None
    size = envelope_size(text)
    if size > limit:
        raise PayloadTooLarge(
            f"the arguments of {job.task} make {size:,} bytes, more than "
            f"ASOK_MAX_PAYLOAD ({limit:,}); pass an id that the task looks up"
        )
    return text


def seal_text(text: str, keyring: Keyring) -> bytes:
    """The envelope of a job text that is trusted already."""
    return _envelope(text, keyring.sign(text))


def _envelope(text: str, signature: str) -> bytes:
    # Assembled by hand: one json.dumps less on the hottest path.
    return f'{{"v": 1, "job": {_quoted(text)}, "sig": {_quoted(signature)}}}'.encode()


_SKELETON = len(_envelope("", "0" * 64))


def unseal(raw: bytes, keyring: Keyring) -> Job:
    """The job of an envelope whose signature verifies.

    Raises MalformedEnvelope, UnsignedEnvelope or BadSignature; no other error, whatever the bytes.
    """
    envelope = load_object(raw)
    text, signature = envelope.get("job"), envelope.get("sig")
    if not isinstance(text, str) or not isinstance(signature, str):
        if "module" in envelope or (isinstance(text, str) and signature is None):
            raise UnsignedEnvelope("the job is not signed")
        raise MalformedEnvelope("the envelope has no text under 'job' and 'sig'")
    if not keyring.verifies(text, signature):
        raise BadSignature("the signature does not match SECRET_KEY; was the key changed?")
    return from_text(text)


@dataclass(frozen=True, slots=True)
class Payload:
    """What a reader can say of any text found where an envelope belongs.

    ``job`` is None when the text is malformed; ``problem`` then says why in one line. ``failed_at``,
    ``error`` and ``traceback`` are those of a dead letter. ``envelope`` is what a requeue would push
    unchanged: None when there is no signed text in it.
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
    """Whether it is a dead job that never began to run: a worker refused it."""
    text: str | None = None
    """The job's JSON text as it was signed, rightly or not; None when it was not."""
    size: int | None = None
    """Bytes of a large element that was not read whole: the job has no arguments, and ``raw`` is
    their beginning. None where ``raw`` is the whole element."""
    redacted: bool = False
    """Whether something of it is hidden (see ``redaction``): ``job``, ``error`` and ``traceback`` are what
    may be shown, ``raw``, ``text`` and ``envelope`` are not."""
    sum: str = ""
    """``snapshot.digest`` of such an element where it has no id."""

    @property
    def id(self) -> str:
        """The job's id, or an empty string when it cannot be read."""
        return self.job.id if self.job else ""


def peek(raw: bytes, keyring: Keyring | None = None) -> Payload:
    """Read an envelope or dead letter without running or trusting it. Never raises.

    With a keyring the signature is checked; without one ``trust`` is at best ``unverified``.
    """
    try:
        fields = load_object(raw)
    except MalformedEnvelope as error:
        return Payload(raw, None, Trust.MALFORMED, str(error))
    failed_at = fields.get("failed_at")
    letter: dict[str, Any] = {
        "failed_at": float(failed_at) if finite(failed_at) else None,
        "error": _optional_text(fields.get("error")),
        "traceback": _optional_text(fields.get("traceback")),
        "rejected": fields.get("rejected") is True,
    }
    original = _quarantined(fields)
    if original is not None:
        inner = peek(original, keyring)
        problem = inner.problem or letter["error"]
        return Payload(raw, inner.job, inner.trust, problem, original, **letter, text=inner.text)
    text, signature = fields.get("job"), fields.get("sig")
    try:
        if isinstance(text, str):
            job = from_text(text)
        else:
            job = job_of({k: v for k, v in fields.items() if k not in letter})
    except MalformedEnvelope as error:
        return Payload(raw, None, Trust.MALFORMED, str(error), None, **letter)
    if not isinstance(text, str) or not isinstance(signature, str):
        return Payload(raw, job, Trust.UNSIGNED, None, None, **letter)
    if keyring is None:
        trust = Trust.UNVERIFIED
    else:
        trust = Trust.SIGNED if keyring.verifies(text, signature) else Trust.BAD
    return Payload(raw, job, trust, None, _envelope(text, signature), **letter, text=text)


def bury(
    raw: bytes, *, failed_at: float, error: str, traceback: str = "", rejected: bool = False
) -> bytes:
    """The dead letter of an envelope: job text and signature as they were, and why it failed.

    ``rejected`` is for a job that never began. It stays when the dead-letter queue is full.

    Bytes that are no envelope are kept whole under ``raw`` (``raw64`` where they are not UTF-8), so
    that nothing an operator may need is lost.
    """
    letter: dict[str, Any]
    try:
        fields = load_object(raw)
        signed = isinstance(fields.get("job"), str) and isinstance(fields.get("sig"), str)
    except EnvelopeError:
        signed = False
    if signed:
        letter = {"v": VERSION, "job": fields["job"], "sig": fields["sig"]}
    else:
        try:
            letter = {"v": VERSION, "raw": raw.decode()}
        except UnicodeDecodeError:
            letter = {"v": VERSION, "raw64": base64.b64encode(raw).decode()}
    letter |= {"failed_at": failed_at, "error": error, "traceback": traceback}
    if rejected:
        # Last: push_dead in places.lua knows it by the end of the text.
        letter["rejected"] = True
    return json.dumps(letter).encode()


def changed_text(payload: Payload, **changes: Any) -> str:
    """The job text of a readable payload with ``changes`` made; every other key stays as it is.

    A change to None takes the key away. Raises MalformedEnvelope for what is nested too deeply to
    be written again.
    """
    try:
        fields = _bare_fields(payload.raw) if payload.text is None else json.loads(payload.text)
        fields |= changes
        # Its own keys are sorted, as in every job text; what is in arguments keeps its order.
        return json.dumps({k: fields[k] for k in sorted(fields) if fields[k] is not None})
    except RecursionError:
        raise MalformedEnvelope("it is nested too deeply") from None


def _bare_fields(raw: bytes) -> dict[str, Any]:
    fields = load_object(raw)
    original = _quarantined(fields)
    if original is not None:
        return _bare_fields(original)
    if isinstance(fields.get("job"), str):
        return load_object(fields["job"].encode("utf-8", "surrogatepass"))
    return {k: v for k, v in fields.items() if k not in ("failed_at", "error", "traceback")}


def _quarantined(fields: Mapping[str, Any]) -> bytes | None:
    text = fields.get("raw")
    if isinstance(text, str):
        return text.encode("utf-8", "surrogatepass")
    packed = fields.get("raw64")
    if isinstance(packed, str):
        try:
            return base64.b64decode(packed, validate=True)
        except ValueError:
            return None
    return None


def _optional_text(value: object) -> str | None:
    return None if value is None else str(value)
