"""The text of an envelope, written and parsed. Whether its signature is valid is not known here.

An envelope is ``{"v": 1 or 2, "job": JSON text, "sig": hexadecimal signature of that text}``. All code
that reads an envelope uses this parser, so that what is shown is what would run.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from asok_core.errors import MalformedEnvelope
from asok_core.jobs.job_text import load_object
from asok_core.jobs.keyring import V1, V2, Version
from asok_core.jobs.plain import described

_quoted = json.encoder.encode_basestring_ascii
CONTENTS = frozenset(("raw", "raw64", "job", "sig", "module"))
"""Keys of which a dead job has one: it is an envelope, a bare job or neither."""


def envelope_of(version: Version, text: str, signature: str) -> bytes:
    """The bytes of an envelope."""
    # Formatted without json.dumps, as this is on the hot path.
    return f'{{"v": {version}, "job": {_quoted(text)}, "sig": {_quoted(signature)}}}'.encode()


_VERSIONS: dict[int, Version] = {V1: V1, V2: V2}
SKELETON = len(envelope_of(V2, "", "0" * 64))
"""The size in bytes of an envelope with an empty text."""
_HEAD = len('{"v": 2, "job": "')
_HEADS: dict[str, Version] = {envelope_of(each, "", "")[:_HEAD].decode(): each for each in (V1, V2)}
_raw_decode = json.JSONDecoder().raw_decode


def envelope_size(text: str) -> int:
    """The size in bytes of the envelope of a job text, without creating it."""
    return SKELETON + len(text) + text.count('"') + text.count("\\")


class EnvelopeParts(NamedTuple):
    """The parts of an element. Without ``signature`` it is unsigned; a bare job has no ``text``.

    ``original`` are the bytes that a dead job keeps unchanged because they were not an envelope.
    """

    fields: dict[str, Any]
    version: Version | None = None
    text: str | None = None
    signature: str | None = None
    original: bytes | None = None


def parse(raw: bytes) -> EnvelopeParts:
    """Parse an element. Raises MalformedEnvelope also if it is ambiguous."""
    written = parse_written(raw)
    if written is not None:
        version, text, signature = written
        return EnvelopeParts(
            {"v": version, "job": text, "sig": signature}, version, text, signature
        )
    return parse_any(raw)


def parse_written(raw: bytes) -> tuple[Version, str, str] | None:
    """The parts of an envelope in the exact format of ``envelope_of``, as most are; None for others.

    Equal to what ``parse_any`` returns, in a third of the time.
    """
    try:
        whole = raw.decode()
        version = _HEADS.get(whole[:_HEAD])
        if version is None:
            return None
        text, end = _raw_decode(whole, _HEAD - 1)
    except (ValueError, RecursionError):
        return None
    tail = whole[end:]
    signature = tail[10:-2]
    if tail[:10] != ', "sig": "' or tail[-2:] != '"}' or not signature.isalnum():
        return None
    return version, text, signature


def parse_any(raw: bytes) -> EnvelopeParts:
    """Parse an element in any format, as other programs may have written it."""
    fields = load_object(raw, unique=True)
    text, signature = fields.get("job"), fields.get("sig")
    if "raw" in fields or "raw64" in fields:
        if len(fields.keys() & CONTENTS) > 1:
            raise MalformedEnvelope("it has other keys besides 'raw'")
        return EnvelopeParts(fields, original=_original(fields))
    if text is None and signature is None:
        return EnvelopeParts(fields)
    if not isinstance(text, str) or not (signature is None or isinstance(signature, str)):
        raise MalformedEnvelope("'job' and 'sig' of the envelope are not both text")
    said = fields.get("v")
    # The type is checked as well: True and 1.0 are equal to 1.
    version = _VERSIONS.get(said) if type(said) is int else None
    if version is None:
        shown = said if type(said) is int else described(said)
        raise MalformedEnvelope(f"the envelope's 'v' is {shown!s:.40}; it must be 1 or 2")
    return EnvelopeParts(fields, version, text, signature)


def _original(fields: Mapping[str, Any]) -> bytes:
    text, packed = fields.get("raw"), fields.get("raw64")
    try:
        if isinstance(text, str):
            return text.encode("utf-8", "surrogatepass")
        if isinstance(packed, str):
            return base64.b64decode(packed, validate=True)
    except ValueError:
        pass
    raise MalformedEnvelope("its 'raw' is invalid")
