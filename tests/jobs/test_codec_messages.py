"""What the codec says of values that it refuses, and what it returns, by exact values."""

from __future__ import annotations

import datetime as dt
import json
import sys
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from asok_core.errors import AsokError
from asok_core.jobs.codec import (
    NO_RESULT,
    EncodedArguments,
    Result,
    changed_result,
    check_arguments,
    check_values,
    decode_arguments,
    decode_result,
    encode_arguments,
    encode_result,
)
from asok_core.jobs.plain import MOST_KEYS
from asok_core.jobs.typed import LONGEST_LINE, line_of

LIMIT = 1000
DAY = dt.date(2026, 1, 2)


def mixed(first, day: dt.date, *rest: Decimal, last: dt.date | None = None) -> dt.date:  # type: ignore[no-untyped-def]
    return day


def untyped(value):  # type: ignore[no-untyped-def]
    return value


def either(value: list[str | Path]) -> None: ...


def unknown(value: NoSuchName) -> NoSuchName:  # type: ignore[name-defined]  # noqa: F821 - its annotation cannot be evaluated
    return value


def refusal(function: Callable[[], object], kind: type[Exception] = TypeError) -> str:
    with pytest.raises(kind) as caught:
        function()
    return str(caught.value)


def test_plain_arguments_are_sent_as_they_are() -> None:
    args, kwargs = (1, "2026-01-02"), {"last": None}
    sent = encode_arguments(mixed, args, kwargs)
    assert sent == EncodedArguments(args, kwargs, ())
    assert sent.args is args
    assert sent.kwargs is kwargs
    assert decode_arguments(mixed, args, kwargs, ()) == (args, kwargs)


def test_typed_arguments_are_named_and_come_back() -> None:
    args = (1, DAY, Decimal("1.50"), Decimal(5))
    sent = encode_arguments(mixed, args, {"last": DAY})
    assert sent == EncodedArguments(
        (1, "2026-01-02", "1.50", "5"), {"last": "2026-01-02"}, ("day", "last", "rest")
    )
    assert decode_arguments(mixed, sent.args, sent.kwargs, sent.typed) == (args, {"last": DAY})
    # The others are not converted, whatever their annotations are.
    assert decode_arguments(mixed, sent.args, sent.kwargs, ("day",)) == (
        (1, DAY, "1.50", "5"), {"last": "2026-01-02"},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("function", "args", "kwargs", "line"),
    [
        (untyped, ({1},), {}, (
            "argument 'value' is a set, which JSON cannot encode; "
            "annotate the parameter with its type, or pass a list"
        )),
        (mixed, (1, DAY, object()), {}, (
            "argument 3 (*rest) is an object, which JSON cannot encode; "
            "pass numbers, strings, lists and dicts, or an id"
        )),
        # Values of one parameter are converted alike.
        (mixed, (1, DAY, Decimal("1.50"), 5), {}, (
            "argument 4 (*rest) is an int and would arrive as a Decimal; pass a Decimal"
        )),
        (mixed, (1, (2,)), {}, (
            "argument 'day' is a tuple and does not fit the annotation date: "
            "Expected `date`, got `list or tuple`"
        )),
        (mixed, (1, DAY), {"other": (2,)}, (
            "argument 'other' is a tuple and would arrive as a list; "
            "annotate the parameter with its type, or pass a list"
        )),
        (either, ([Path("a")],), {}, (
            "argument 'value': [0] is a PosixPath, which JSON cannot encode, and its annotation "
            "list[str | pathlib.Path] cannot restore it: "
        )),
        (mixed, (1, DAY), {"last": [DAY]}, (
            "argument 'last' is a list and does not fit the annotation datetime.date | None: "
        )),
        (unknown, (DAY,), {}, (
            "argument 'value' is a date, which JSON cannot encode; its annotation cannot be evaluated "
            "(NameError: name 'NoSuchName' is not defined): correct it, or pass a string"
        )),
        (untyped, (1, 2, DAY), {}, (
            "argument 3 is a date, which JSON cannot encode; "
            "annotate the parameter with its type, or pass a string"
        )),
    ],
)  # fmt: skip
def test_a_refused_argument_is_named_with_what_to_do(
    function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], line: str
) -> None:
    assert refusal(lambda: encode_arguments(function, args, kwargs)).startswith(line)


def test_the_end_of_the_stack_is_reported_as_nesting() -> None:
    def keys(value: dict[int, Any]) -> None: ...

    value: Any = "x"
    for _ in range(90):
        value = [value]

    def at(depth: int) -> str:
        if depth:
            return at(depth - 1)
        try:
            encode_arguments(keys, ({1: value},), {})
        except TypeError as error:
            return str(error)
        return "sent"

    found = set()
    for depth in range(sys.getrecursionlimit()):
        try:
            found.add(at(depth))
        except RecursionError:
            break
    # Which check reaches the end first depends on the depth.
    assert "sent" in found
    assert "argument 'value' is nested too deeply; pass a flatter value" in found
    assert all(each.startswith("argument 'value' ") for each in found - {"sent"})


def test_values_without_a_task_are_named_too() -> None:
    assert refusal(lambda: check_arguments([1, DAY, {2}], {})) == (
        "argument 2 is a date, which JSON cannot encode; pass a string"
    )
    assert refusal(lambda: check_arguments([1], {"a": [{2}]})) == (
        "argument 'a': [0] is a set, which JSON cannot encode; pass a list"
    )
    assert refusal(lambda: check_values("what a hook adds:", {"a": 1, "b": DAY})) == (
        "what a hook adds: 'b' is a date, which JSON cannot encode; pass a string"
    )
    check_arguments([1, "a", [None]], {"b": {"c": 1.5}})
    check_values("what a hook adds:", {"a": [1]})


def test_a_call_has_a_largest_number_of_named_arguments() -> None:
    most = {f"a{at}": at for at in range(MOST_KEYS)}
    check_arguments([], most)
    line = refusal(lambda: check_arguments([], {**most, "b": 1}))
    assert line == "the call has 10,001 named arguments, more than 10,000"


def test_an_argument_that_cannot_be_converted_back_is_named() -> None:
    line = refusal(lambda: decode_arguments(mixed, (1, "no date"), {}, ("day",)))
    assert line == "argument 'day' cannot be converted to date: Invalid RFC3339 encoded date"
    line = refusal(lambda: decode_arguments(mixed, (1, "2026-01-02", "x"), {}, ("rest",)))
    assert line == "argument 3 (*rest) cannot be converted to Decimal: Invalid decimal string"
    line = refusal(lambda: decode_arguments(mixed, (1,), {}, ("day", "gone", "lost")))
    assert line == (
        "argument 'gone' was sent to be converted by its annotation, and the task has no "
        "parameter of that name now"
    )


@pytest.mark.parametrize(
    ("value", "result"),
    [
        (None, Result("null")),
        (True, Result("true")),
        (False, Result("false")),
        (0, Result("0")),
        (-12, Result("-12")),
        ("a\u00e9", Result('"a\\u00e9"')),
        ([1, {"a": None}], Result('[1, {"a": null}]')),
        (DAY, Result('"2026-01-02"', "date")),
        (1.5, Result("1.5")),
    ],
)
def test_a_result_is_json_and_names_its_type_only_if_it_has_to(value: Any, result: Result) -> None:
    kept = encode_result(mixed, value, LIMIT)
    assert kept == result
    found = decode_result(mixed, kept.text, kept.type)
    assert (found, type(found)) == (value, type(value))
    assert Result("", "", "") == NO_RESULT


def test_a_result_that_is_not_stored_has_a_reason() -> None:
    assert encode_result(untyped, {1}, LIMIT) == Result(problem=(
        "result not stored: it is a set, which JSON cannot encode; "
        "annotate what the task returns, or return a list"
    ))  # fmt: skip
    assert encode_result(untyped, [{"a": DAY}], LIMIT) == Result(problem=(
        "result not stored: [0].a is a date, which JSON cannot encode; "
        "annotate what the task returns, or return a string"
    ))  # fmt: skip
    assert encode_result(unknown, DAY, LIMIT).problem == (
        "result not stored: it is a date, which JSON cannot encode; its annotation cannot be "
        "evaluated (NameError: name 'NoSuchName' is not defined): correct it, or return a string"
    )


def test_the_largest_result_is_the_limit_itself() -> None:
    assert encode_result(untyped, "x" * 998, LIMIT) == Result(json.dumps("x" * 998))
    assert encode_result(untyped, "x" * 999, LIMIT) == Result(problem=(
        "result not stored: it has 1,001 bytes as JSON, more than ASOK_MAX_RESULT (1,000); "
        "store it elsewhere and return a reference"
    ))  # fmt: skip


def test_a_result_whose_encoding_fails_has_a_reason() -> None:
    class Raising(list):  # type: ignore[type-arg]
        def __iter__(self) -> Any:
            raise KeyboardInterrupt

    def raising() -> Raising: ...  # type: ignore[empty-body]

    raising.__annotations__["return"] = Raising
    kept = encode_result(raising, Raising([1]), LIMIT)
    assert kept.problem.startswith("result not stored: ")
    assert (kept.text, kept.type) == ("", "")
    assert encode_result(untyped, "\ud800", LIMIT) == Result('"\\ud800"')
    # Its size is compared with something that is not a number.
    assert encode_result(untyped, 1, None) == Result(  # type: ignore[arg-type]
        problem="result not stored: it cannot be encoded: TypeError"
    )


def test_the_result_of_a_record_is_refused_with_its_reason() -> None:
    line = refusal(lambda: decode_result(None, "["), AsokError)
    assert line == "the result in the record is invalid: Expecting value: line 1 column 2 (char 1)"
    assert decode_result(None, "[1]") == [1]
    assert decode_result(mixed, '"2026-01-02"') == "2026-01-02"
    assert decode_result(mixed, '"2026-01-02"', "date") == DAY
    assert refusal(lambda: decode_result(None, '"x"', "date"), AsokError) == (
        "the result was stored as date, and its task is not imported here; "
        "use get_job() to read the JSON"
    )
    line = refusal(lambda: decode_result(mixed, '"x"', "day"), AsokError)
    assert line == (
        "the result was stored as day, and cannot be converted by the annotation date here: "
        "Invalid RFC3339 encoded date"
    )
    deep = refusal(lambda: decode_result(None, "[" * 100_000), AsokError)
    assert deep.startswith("the result in the record is invalid: ")
    with pytest.raises(AsokError) as caught:
        decode_result(None, "[")
    assert caught.value.__suppress_context__


def test_a_result_that_another_program_changed_is_reported() -> None:
    async def later() -> int: ...  # type: ignore[empty-body]

    def whole() -> tuple[int, ...]: ...  # type: ignore[empty-body]

    def number() -> int: ...  # type: ignore[empty-body]

    assert changed_result(later, "1") == "it does not run async functions, and this task is one"
    assert changed_result(untyped, "[1]") == ""
    assert changed_result(unknown, "[1]") == ""
    assert changed_result(number, "1") == ""
    assert changed_result(number, '"a"') == "it wrote a str; the annotation is int"
    assert changed_result(whole, "[1, 2]") == ("it wrote a list; the annotation is tuple[int, ...]")
    assert changed_result(mixed, "null") == "it wrote a NoneType; the annotation is date"


def test_the_message_of_an_error_is_bounded_as_it_is_shown() -> None:
    """Python's names of types are longer than those of msgspec, which are replaced by them."""
    error = msgspec.ValidationError(" ".join(["Expected `array`"] * 30))
    assert line_of(error).startswith("Expected `list or tuple` Expected")
    assert len(line_of(error)) == LONGEST_LINE
