"""Encodes arguments and results as JSON text, which the framework ``asok`` can read as well.

One rule holds for both: *a decoded value is equal to the encoded one and of the same type; a value
for which that is impossible is refused.* Plain values (``plain.py``) are encoded as they are,
whatever the annotations say. Any other value (``typed.py``) is accepted if the annotation of its
parameter, or of the result, restores it; the job names such parameters, and the record such an
annotation, so that no other value is converted.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from asok_core.errors import AsokError
from asok_core.jobs.plain import (
    MOST_KEYS,
    EncodingProblem,
    UncarriedError,
    described,
    flaw_in,
    is_plain,
)

if TYPE_CHECKING:
    from asok_core.jobs.annotations import Annotations, EvaluatedAnnotation

Function = Callable[..., Any]

# json.dumps with options would create an encoder for each call.
_encode = json.JSONEncoder(allow_nan=False).encode


class EncodedArguments(NamedTuple):
    """Encoded arguments of a job. ``typed`` are the parameters whose values are converted back."""

    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    typed: tuple[str, ...] = ()


class Result(NamedTuple):
    """A result as stored in a record: JSON text, or ``problem``, the reason why there is none.

    ``type`` is the annotation that restores a typed result; empty for a plain one.
    """

    text: str = ""
    type: str = ""
    problem: str = ""


NO_RESULT = Result()
"""The result of a job whose result is not stored."""
_CONSTANTS = {None: Result("null"), False: Result("false"), True: Result("true")}


def encode_arguments(
    function: Function, args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> EncodedArguments:
    """Encode the arguments of a call for its job.

    Raises TypeError that names the argument which cannot be encoded, and the path inside it.
    """
    flaws = _flaws(args, kwargs)
    if not flaws:
        return EncodedArguments(args, kwargs)
    from asok_core.jobs.annotations import annotations_of

    notes = annotations_of(function)
    typed = {p.name for expression in flaws if (p := notes.parameter(expression)) is not None}
    given = dict(_expressions(args, kwargs))
    for expression, value in given.items():
        parameter = notes.parameter(expression)
        if expression in flaws or (parameter is not None and parameter.name in typed):
            given[expression] = _sent(notes, expression, value, flaws.get(expression))
    sent = tuple(given[at] for at in range(len(args)))
    return EncodedArguments(sent, {name: given[name] for name in kwargs}, tuple(sorted(typed)))


def check_arguments(args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
    """Raise TypeError for the first argument that is not plain, for a call without its task."""
    for expression, flaw in _flaws(args, kwargs).items():
        raise TypeError(f"{_label(expression)}{flaw}; pass {flaw.instead}")


def check_values(what: str, values: Mapping[str, Any]) -> None:
    """Raise TypeError for the first value that is not plain."""
    for expression, flaw in _flaws((), values).items():
        raise TypeError(f"{what} {expression!r}{flaw}; pass {flaw.instead}")


def _expressions(args: Sequence[Any], kwargs: Mapping[str, Any]) -> Iterator[tuple[int | str, Any]]:
    yield from enumerate(args)
    yield from kwargs.items()


def _flaws(args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[int | str, EncodingProblem]:
    if len(kwargs) > MOST_KEYS:
        raise TypeError(f"the call has {len(kwargs):,} named arguments, more than {MOST_KEYS:,}")
    found: dict[int | str, EncodingProblem] = {}
    for expression, value in _expressions(args, kwargs):
        if not is_plain(value):
            flaw = flaw_in(value)
            if flaw is not None:
                found[expression] = flaw
    return found


def _sent(
    notes: Annotations, expression: int | str, value: Any, flaw: EncodingProblem | None
) -> Any:
    parameter = notes.parameter(expression)
    hint = None if parameter is None else notes.hint(parameter)
    try:
        return _carried(value, hint, flaw)
    except UncarriedError as error:
        advice = _advice(error.flaw, hint, "annotate the parameter with its type", "pass")
        raise TypeError(
            f"{_label(expression, parameter)}{error.flaw}; {advice}"
        ) from error.__cause__


def _label(expression: int | str, parameter: inspect.Parameter | None = None) -> str:
    if isinstance(expression, str):
        return f"argument {expression!r}"
    if parameter is None:
        return f"argument {expression + 1}"
    if parameter.kind is parameter.VAR_POSITIONAL:
        return f"argument {expression + 1} (*{parameter.name})"
    return f"argument {parameter.name!r}"


def _advice(
    flaw: EncodingProblem, hint: EvaluatedAnnotation | None, annotate: str, verb: str
) -> str:
    alternative = f"{verb} {flaw.instead}"
    if not flaw.typed:
        return alternative
    if hint is None or not (hint.usable or hint.problem):
        return f"{annotate}, or {alternative}"
    if hint.problem:
        return f"its annotation cannot be evaluated ({hint.problem}): correct it, or {alternative}"
    return f"name its type in the annotation {hint}, or {alternative}"


def _carried(value: Any, hint: EvaluatedAnnotation | None, flaw: EncodingProblem | None) -> Any:
    """The plain value for a value in which ``flaw`` was found. Raises UncarriedError."""
    if flaw is not None and (hint is None or not hint.usable or not flaw.typed):
        raise UncarriedError(flaw)
    from asok_core.jobs.typed import to_plain

    assert hint is not None, (
        "a value without a flaw is converted because its parameter has other values with one"
    )
    try:
        return to_plain(value, hint, flaw)
    except RecursionError:
        raise UncarriedError(
            EncodingProblem((), "is nested too deeply", "a flatter value")
        ) from None


def decode_arguments(
    function: Function, args: tuple[Any, ...], kwargs: Mapping[str, Any], typed: Sequence[str]
) -> tuple[tuple[Any, ...], Mapping[str, Any]]:
    """Decode the arguments of a job: those of the parameters in ``typed`` are converted back.

    Raises TypeError that names the argument which does not fit the function.
    """
    if not typed:
        return args, kwargs
    from asok_core.jobs.annotations import annotations_of
    from asok_core.jobs.typed import line_of, to_typed

    notes = annotations_of(function)
    unknown = [name for name in typed if name not in notes.names]
    if unknown:
        raise TypeError(
            f"argument {unknown[0]!r} was sent to be converted by its annotation, and the task has no "
            "parameter of that name now"
        )
    given = dict(_expressions(args, kwargs))
    for expression, value in given.items():
        parameter = notes.parameter(expression)
        if parameter is None or parameter.name not in typed:
            continue
        hint = notes.hint(parameter)
        try:
            given[expression] = to_typed(value, hint.needed())
        except Exception as error:
            message = (
                f"{_label(expression, parameter)} cannot be converted to {hint}: {line_of(error)}"
            )
            raise TypeError(message) from error
    return tuple(given[at] for at in range(len(args))), {name: given[name] for name in kwargs}


def encode_result(function: Function, value: object, limit: int) -> Result:
    """Encode a result for the record: at most ``limit`` bytes of JSON, or why there is none.

    Never raises, as the task has completed.
    """
    if value is None or value is True or value is False:
        return _CONSTANTS[value]
    try:
        return _encoded_result(function, value, limit)
    except BaseException as error:  # noqa: BLE001 - the application's objects may raise anything
        return _not_stored(f"it cannot be encoded: {type(error).__name__}")


def _encoded_result(function: Function, value: object, limit: int) -> Result:
    kind, annotation = type(value), ""
    if kind is not str and not is_plain(value) and (flaw := flaw_in(value)) is not None:
        from asok_core.jobs.annotations import annotations_of

        hint = annotations_of(function).result
        try:
            value, annotation = _carried(value, hint, flaw), str(hint)
        except UncarriedError as error:
            advice = _advice(error.flaw, hint, "annotate what the task returns", "return")
            expression = error.flaw.expression or "it"
            return _not_stored(f"{expression} {error.flaw.reason}; {advice}")
    text = str(value) if kind is int else _encode(value)
    if len(text) > limit:
        return _not_stored(
            f"it has {len(text):,} bytes as JSON, more than ASOK_MAX_RESULT ({limit:,}); "
            "store it elsewhere and return a reference"
        )
    return Result(text, annotation)


def _not_stored(why: str) -> Result:
    return Result(problem=f"result not stored: {why}")


def changed_result(function: Function, text: str) -> str:
    """Why a result of a program without this codec differs from what the task returned.

    Empty if no difference is known: the result fits the annotation, or there is none.
    """
    if inspect.iscoroutinefunction(function):
        return "it does not run async functions, and this task is one"
    from asok_core.jobs.annotations import annotations_of

    hint = annotations_of(function).result
    if not hint.usable:
        return ""
    from asok_core.jobs.typed import difference, to_typed

    value = decode_result(None, text)
    try:
        changed = difference(value, to_typed(value, hint)) is not None
    except Exception:  # noqa: BLE001 - whatever a type of the application raises
        changed = True
    found = described(value)
    return f"it wrote {found}; the annotation is {hint}" if changed else ""


def decode_result(function: Function | None, text: str, annotation: str = "") -> Any:
    """Decode the result ``text`` of a record; with ``annotation`` it is converted back.

    Raises AsokError if it is not JSON or cannot be converted here.
    """
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise AsokError(f"the result in the record is invalid: {error}"[:300]) from None
    if not annotation:
        return value
    where = f"the result was stored as {annotation}"
    if function is None:
        raise AsokError(
            f"{where}, and its task is not imported here; use get_job() to read the JSON"
        )
    from asok_core.jobs.annotations import annotations_of
    from asok_core.jobs.typed import line_of, to_typed

    hint = annotations_of(function).result
    try:
        return to_typed(value, hint.needed())
    except Exception as error:
        raise AsokError(
            f"{where}, and cannot be converted by the annotation {hint} here: {line_of(error)}"
        ) from error
