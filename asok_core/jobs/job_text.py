"""The text of a job: JSON that the framework ``asok`` 0.8.0 writes and reads as well."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from typing import Any, Literal, TypeGuard

from asok_core.errors import MalformedEnvelope
from asok_core.jobs.job import LONGEST_ID, MAX_RETRIES, Job
from asok_core.jobs.plain import described
from asok_core.settings.durations import LONGEST_KEPT
from asok_core.settings.kinds import is_text

_REQUIRED = (
    *("id", "module", "function", "args", "kwargs"),
    *("queue", "retries", "retry_count", "backoff"),
)
_KINDS = {(str, str, str, list, dict, str, int, int, backoff) for backoff in (int, float)}
_OPTIONAL = (
    "enqueued_at",
    "due_at",
    "timeout",
    "hard_timeout",
    "unique",
    "request",
    "postponements",
    "keep_result",
)
_KNOWN = frozenset((*_REQUIRED, *_OPTIONAL, "typed"))
_COMMON = frozenset((*_REQUIRED, "enqueued_at"))
"""The keys of most jobs: see ``_plain``."""

# Created once: json.dumps and json.loads with options create one for each call. Keys are not
# sorted: arguments keep their order, and that of a job's own fields is set below.
_encode = json.JSONEncoder().encode
_raw_decode = json.JSONDecoder().raw_decode
_quoted = json.encoder.encode_basestring_ascii


def to_text(job: Job) -> str:
    """The JSON text of a job: the nine required keys, and the optional ones that have a value.

    The id is first, so that scripts find it without decoding the rest (``already_ended.lua``); the
    others are sorted. Arguments keep their order.
    """
    if not _plain(job):
        return _encode(_fields(job))
    # The common form is formatted directly, which takes half the time of the general way.
    return (
        f'{{"id": {_quoted(job.id)}, "args": {_encode(job.args) if job.args else "[]"}, '
        f'"backoff": {job.backoff}, "enqueued_at": {job.enqueued_at!r}, '
        f'"function": {_quoted(job.function)}, "kwargs": {_encode(job.kwargs) if job.kwargs else "{}"}, '
        f'"module": {_quoted(job.module)}, "queue": {_quoted(job.queue)}, '
        f'"retries": {job.retries}, "retry_count": {job.retry_count}}}'
    )


def _plain(job: Job) -> bool:
    """Whether the job is in the common form."""
    return (
        job.due_at is job.timeout is job.hard_timeout is None
        and job.unique is None
        and job.request is None
        and not job.typed
        and job.postponements is job.keep_result is None
        and type(job.backoff) is type(job.retries) is type(job.retry_count) is int
        and type(job.enqueued_at) is float
        and not job.extra
    )


def _fields(job: Job) -> dict[str, Any]:
    fields: dict[str, Any] = {name: getattr(job, name) for name in _REQUIRED}
    for name in _OPTIONAL:
        value = getattr(job, name)
        if value is not None:
            fields[name] = value
    if job.typed:
        fields["typed"] = job.typed
    fields.update((k, v) for k, v in job.extra.items() if k not in _KNOWN)
    return in_order(fields)


def in_order(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The keys of a job in the order of its text: the id, then the others by name."""
    first = {"id": fields["id"]} if "id" in fields else {}
    return first | dict(sorted(fields.items()))


_decode: Callable[[str], Job | None] | None = None


def load_decoder() -> None:
    """Load the fast decoder for the common form, for programs that read many jobs."""
    global _decode  # noqa: PLW0603 - set once, before the first text is read
    from asok_core.jobs import job_decoder

    _decode = job_decoder.decode


def from_text(text: str) -> Job:
    """The job of a JSON text. Raises MalformedEnvelope that names the invalid field."""
    if _decode is not None and (job := _decode(text)) is not None:
        return job
    return job_of(load_object(text), clean="\\u" not in text and is_text(text))


def load_object(raw: bytes | str, *, unique: bool = False) -> dict[str, Any]:
    """The JSON object of a text. Raises MalformedEnvelope and no other error.

    With ``unique``, also if a key appears twice: parsers may differ in which one they use.
    """
    # What we write is plain JSON in UTF-8, so its encoding need not be detected.
    try:
        text = raw if isinstance(raw, str) else raw.decode()
        value, end = (_raw_decode_unique if unique else _raw_decode)(text)
        if end == len(text) and type(value) is dict:
            return value
    except (ValueError, RecursionError):
        pass
    return _load_any(raw, _unique if unique else None)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise MalformedEnvelope("it has a duplicate key")
    return fields


_raw_decode_unique = json.JSONDecoder(object_pairs_hook=_unique).raw_decode


def _load_any(raw: bytes | str, hook: Callable[[Any], Any] | None) -> dict[str, Any]:
    try:
        text = raw.encode("utf-8", "surrogatepass") if isinstance(raw, str) else raw
        value = json.loads(text, object_pairs_hook=hook)
    except UnicodeDecodeError:
        raise MalformedEnvelope("it is not UTF-8") from None
    except (ValueError, RecursionError) as error:
        raise MalformedEnvelope(f"it is not JSON: {error}"[:200]) from None
    if not isinstance(value, dict):
        raise MalformedEnvelope(f"it is a JSON {type(value).__name__}, not an object")
    return value


def job_of(fields: Mapping[str, Any], *, clean: bool = False) -> Job:
    """The job of the fields of a JSON text; ``clean`` if all strings in them are valid UTF-8.

    Raises MalformedEnvelope that names the invalid field.
    """
    values: tuple[Any, ...] = tuple(map(fields.get, _REQUIRED))
    if not clean or tuple(map(type, values)) not in _KINDS:
        values = _checked(fields)
    job_id, module, function, args, kwargs, queue, retries, retry_count, backoff = values
    if not 0 < len(job_id.encode()) <= LONGEST_ID:
        raise MalformedEnvelope(f"the job's 'id' does not have 1 to {LONGEST_ID} bytes")
    if not (0 <= retries <= MAX_RETRIES and 0 <= retry_count <= MAX_RETRIES):
        retries, retry_count = (min(max(n, 0), MAX_RETRIES) for n in (retries, retry_count))
    queue = queue or "default"
    enqueued_at = _number(fields.get("enqueued_at"))
    required = (job_id, module, function, tuple(args), kwargs, queue, retries, retry_count, backoff)
    if fields.keys() == _COMMON:
        return Job(*required, enqueued_at)
    unique, request = fields.get("unique"), fields.get("request")
    postponements = fields.get("postponements")
    return Job(
        *required,
        enqueued_at,
        _number(fields.get("due_at")),
        _number(fields.get("timeout")),
        _number(fields.get("hard_timeout")),
        unique if isinstance(unique, str) and is_text(unique) else None,
        request if isinstance(request, dict) else None,
        _typed(fields["typed"]) if "typed" in fields else (),
        postponements if type(postponements) is int and 0 < postponements <= MAX_RETRIES else None,
        _kept(fields["keep_result"]) if "keep_result" in fields else None,
        {} if _KNOWN.issuperset(fields) else _extra(fields),
    )


def _checked(fields: Mapping[str, Any]) -> tuple[Any, ...]:
    """The values of ``_REQUIRED``, each checked, if the quick check of their types failed."""
    return (
        *(_name(fields, key) for key in ("id", "module", "function")),
        _need(fields, "args", list),
        _need(fields, "kwargs", dict),
        _name(fields, "queue", "default"),
        _need(fields, "retries", int, 0),
        _need(fields, "retry_count", int, 0),
        _need(fields, "backoff", (int, float), 2),
    )


def _need(
    fields: Mapping[str, Any], key: str, kind: type | tuple[type, ...], default: Any = ...
) -> Any:
    value = fields.get(key, default)
    if value is ...:
        raise MalformedEnvelope(f"the job has no '{key}'")
    if not isinstance(value, kind) or isinstance(value, bool):
        raise MalformedEnvelope(f"the job's '{key}' is {described(value)}")
    return value


def _name(fields: Mapping[str, Any], key: str, default: Any = ...) -> str:
    value: str = _need(fields, key, str, default)
    if not is_text(value):
        raise MalformedEnvelope(f"the job's '{key}' is not UTF-8 text")
    return value


def _typed(names: object) -> tuple[str, ...]:
    # If it were ignored, the task would get values of other types than were sent.
    if not isinstance(names, list) or not all(isinstance(each, str) for each in names):
        raise MalformedEnvelope("the job's 'typed' is not a list of names")
    return tuple(names)


def _kept(value: object) -> float | Literal[False] | None:
    if value is False:
        return False
    return float(value) if finite(value) and 1 <= value <= LONGEST_KEPT else None


def _number(value: object) -> float | None:
    if type(value) is float and math.isfinite(value):
        return value
    return float(value) if value is not None and finite(value) else None


def _extra(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in fields.items() if key not in _KNOWN}


def finite(value: object) -> TypeGuard[float]:
    """Whether it is a finite number."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:
        return False
