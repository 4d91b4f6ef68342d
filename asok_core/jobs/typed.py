"""Typed values: those that JSON alone cannot encode and that an annotation restores.

They are converted by msgspec, which is imported for the first of them: most jobs have none.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import decimal
import enum
import re
from collections.abc import Sequence
from pathlib import PurePath
from typing import Any, get_origin

from asok_core.jobs.annotations import EvaluatedAnnotation
from asok_core.jobs.plain import (
    EncodingProblem,
    UncarriedError,
    described,
    flaw_in,
    flaw_of_kind,
    index_step,
    key_step,
    shown_key,
)


class _UnsupportedError(Exception):
    """msgspec cannot encode a value."""

    def __init__(self, value: object) -> None:
        super().__init__(type(value).__name__)
        self.value = value


def to_plain(value: object, hint: EvaluatedAnnotation, flaw: EncodingProblem | None) -> Any:
    """Convert a typed value to a plain one, from which ``hint`` restores it exactly.

    ``flaw`` is why JSON alone cannot encode it. Raises UncarriedError.
    """
    try:
        plain = _as_json_would(_builtins(value))
    except _UnsupportedError as error:
        path = _path_to(value, error.value)
        raise UncarriedError(dataclasses.replace(flaw_of_kind(error.value), path=path)) from None
    except Exception as error:  # attributes of the application's types may raise anything
        raise UncarriedError(
            EncodingProblem((), f"cannot be encoded: {line_of(error)}", _OTHER)
        ) from error
    left = flaw_in(plain)
    if left is not None:
        raise UncarriedError(dataclasses.replace(left, typed=False))
    try:
        back = to_typed(plain, hint)
    except (TypeError, NotImplementedError) as error:
        reason = f"and its annotation {hint} cannot restore it: {line_of(error)}"
        first = flaw or flaw_of_kind(value)
        reason = f"{first.reason}, {reason}"
        raise UncarriedError(EncodingProblem(first.path, reason, first.instead)) from error
    except Exception as error:  # as may its __post_init__
        reason = f"is {described(value)} and does not fit the annotation {hint}: {line_of(error)}"
        raise UncarriedError(EncodingProblem((), reason, "a value of that type")) from error
    change = difference(value, back)
    if change is not None:
        raise UncarriedError(change)
    return plain


_OTHER = "numbers, strings, lists and dicts"


def to_typed(plain: object, hint: EvaluatedAnnotation) -> Any:
    """Convert a plain value back to a typed one, by an annotation.

    Raises TypeError for an unusable annotation, ValueError (msgspec's ValidationError) for a value
    that does not fit it, and any exception of the application's types.
    """
    import msgspec

    return msgspec.convert(plain, hint.type, str_keys=True, dec_hook=_decode_other)


def load_converter() -> None:
    """Import msgspec now instead of at the first conversion."""
    import msgspec  # noqa: F401


def _builtins(value: object) -> Any:
    import msgspec

    return msgspec.to_builtins(value, str_keys=True, enc_hook=_encode_other)


def _encode_other(value: object) -> object:
    if isinstance(value, PurePath):
        return str(value)
    raise _UnsupportedError(value)


def _decode_other(kind: type, value: object) -> object:
    # Also called for an alias such as Iterable[int], which is a class on some versions only.
    kind = get_origin(kind) or kind
    if issubclass(kind, PurePath) and isinstance(value, str):
        return kind(value)
    # msgspec calls this for each type that it does not support, and replaces a TypeError.
    raise NotImplementedError(f"type `{kind.__module__}.{kind.__qualname__}` is not supported")


def _as_json_would(plain: Any) -> Any:
    """Replace tuples, which msgspec keeps, by lists."""
    if isinstance(plain, list | tuple):
        return [_as_json_would(each) for each in plain]
    if isinstance(plain, dict):
        return {key: _as_json_would(each) for key, each in plain.items()}
    return plain


_JSON = frozenset({str, int, float, bool, type(None), list, dict})


def difference(sent: Any, back: Any) -> EncodingProblem | None:
    """The first difference between a value and its decoded copy; None if they are the same.

    An integer may become the float of the same value, if the annotation is float.
    """
    if type(sent) is not type(back):
        return _difference_of_kinds(sent, back)
    if isinstance(sent, dict):
        return _difference_of_dicts(sent, back)
    if isinstance(sent, set | frozenset):
        return _difference_of_sets(sent, back)
    parts = _parts(sent)
    if parts is None:
        same = _identity(sent) == _identity(back)
        return (
            None if same else flaw_of_kind(sent, f"is {described(sent)} and would arrive changed")
        )
    return _difference_of_parts(sent, parts, _parts(back) or ())


def _difference_of_parts(
    sent: Any, parts: tuple[tuple[str, Any], ...], others: tuple[tuple[str, Any], ...]
) -> EncodingProblem | None:
    if len(parts) != len(others):
        return flaw_of_kind(sent, "would arrive with another length")
    for (step, mine), (_, other) in zip(parts, others, strict=True):
        change = difference(mine, other)
        if change is not None:
            return change.within(step)
    return None


def _difference_of_kinds(sent: Any, back: Any) -> EncodingProblem | None:
    if type(sent) is int and type(back) is float and sent == back:
        return None
    reason = f"is {described(sent)} and would arrive as {described(back)}"
    return (
        EncodingProblem((), reason, described(back))
        if type(sent) in _JSON
        else flaw_of_kind(sent, reason)
    )


def _difference_of_dicts(sent: dict[Any, Any], back: dict[Any, Any]) -> EncodingProblem | None:
    if len(sent) != len(back):
        return EncodingProblem(
            (), "would arrive without some of its keys", "other keys", typed=True
        )
    for (key, mine), (arrived, other) in zip(sent.items(), back.items(), strict=True):
        if difference(key, arrived) is not None:
            reason = f"has the key {shown_key(key)}, which would arrive as {shown_key(arrived)}"
            return EncodingProblem((), reason, "keys that are strings", typed=True)
        change = difference(mine, other)
        if change is not None:
            return change.within(key_step(key))
    return None


def _difference_of_sets(sent: Any, back: Any) -> EncodingProblem | None:
    arrived = {each: each for each in back}
    for each in sent:
        change = None
        if each not in arrived:
            change = flaw_of_kind(each, f"is {described(each)} and would not arrive")
        else:
            change = difference(each, arrived[each])
        if change is not None:
            return change.within(_SOME)
    return None


_SOME = "{...}"
"""The step into a set, whose elements have no index."""


def _parts(value: Any) -> tuple[tuple[str, Any], ...] | None:
    """The parts of a value, each with its step of a path; None for a value without parts."""
    if isinstance(value, enum.Enum):
        return None
    if isinstance(value, list | tuple):
        return tuple((index_step(at), each) for at, each in enumerate(value))
    if isinstance(value, dict):
        return tuple((key_step(key), each) for key, each in value.items())
    if isinstance(value, set | frozenset):
        return tuple((_SOME, each) for each in value)
    names = _field_names(value)
    if names is None:
        return None
    return tuple((f".{name}", getattr(value, name, None)) for name in names)


def _field_names(value: Any) -> Sequence[str] | None:
    kind = type(value)
    if dataclasses.is_dataclass(value):
        return [field.name for field in dataclasses.fields(value)]
    if hasattr(kind, "__struct_fields__"):
        return list(kind.__struct_fields__)
    if hasattr(kind, "__attrs_attrs__"):
        return [each.name for each in kind.__attrs_attrs__]
    return None


def _identity(value: Any) -> object:
    """A key that distinguishes two values of one type, also if ``==`` does not."""
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, decimal.Decimal):
        return value.as_tuple()
    if isinstance(value, dt.datetime | dt.time):
        # Two equal times may have different offsets; then they are not the same value.
        offset, zoned = value.utcoffset(), value.tzinfo is not None
        return value.replace(tzinfo=None, fold=0), offset, zoned, value.fold * (offset is None)
    return value


def _path_to(value: object, part: object, levels: int = 100) -> tuple[str, ...]:
    """The path to a part of a value; empty if it is not found."""
    for step, each in _parts(value) or ():
        if each is part:
            return (step,)
        path = _path_to(each, part, levels - 1) if levels else ()
        if path:
            return (step, *path)
    return ()


_TYPES = re.compile(r"\b(Expected|got) `([^`]*)`")
_PYTHON = {"array": "list or tuple", "object": "dict", "null": "None"}
"""Types of JSON, by which msgspec names what it expected and got, in Python."""


def _in_python(found: re.Match[str]) -> str:
    types = re.sub(r"\w+", lambda name: _PYTHON.get(name[0], name[0]), found[2])
    return f"{found[1]} `{types}`"


LONGEST_LINE = 300
"""Characters of the message of an error."""


def line_of(error: BaseException) -> str:
    """The message of an error on one line, bounded, whatever its ``__str__`` does."""
    try:
        text = " ".join(str(error).split())
        if type(error).__module__ == "msgspec":
            text = _TYPES.sub(_in_python, text)
        text = text[:LONGEST_LINE]
    except Exception:  # noqa: BLE001 - a broken __str__ must not hide the reason
        text = ""
    return text or type(error).__name__
