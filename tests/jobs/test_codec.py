"""The codec: decoded values are equal and of the same type."""

from __future__ import annotations

import dataclasses
import datetime as dt
import gc
import json
import re
import weakref
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Generic, Literal, NamedTuple, NewType, TypeVar

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asok_core import Settings, background, configure, get_job, shutdown
from asok_core.errors import AsokError
from asok_core.jobs.codec import (
    check_arguments,
    decode_arguments,
    decode_result,
    encode_arguments,
    encode_result,
)
from asok_core.jobs.job import Job
from asok_core.jobs.job_text import from_text, to_text
from asok_core.jobs.nesting import DEEPEST
from asok_core.jobs.plain import described, flaw_in

T = TypeVar("T")
Day = NewType("Day", dt.date)
LIMIT = 1 << 20


@dataclasses.dataclass
class Leaf:
    price: Decimal
    weight: float = 1.0


@dataclasses.dataclass
class Box(Generic[T]):
    inside: T


@dataclasses.dataclass
class Nothing:
    """No field, and no __eq__ of its own."""

    __eq__ = object.__eq__
    __hash__ = object.__hash__


class Tree(msgspec.Struct):
    leaf: Leaf
    children: list[Tree] = []


class DatedRow(NamedTuple):
    id: int
    day: dt.date


def encoded_and_decoded(task: Callable[..., Any], *args: Any, **kwargs: Any) -> tuple[Any, Any]:
    sent = encode_arguments(task, args, kwargs)
    text = to_text(Job("j", "m", "f", sent.args, sent.kwargs, typed=sent.typed))
    job = from_text(text)
    return decode_arguments(task, job.args, job.kwargs, job.typed)


def task_of(hint: Any) -> Callable[..., Any]:
    def task(value):  # type: ignore[no-untyped-def]
        return value

    task.__annotations__ = {"value": hint, "return": hint}
    return task


def exact(value: Any) -> Any:  # noqa: PLR0911 - one for each kind
    """A value with its types at every depth, and with what == does not distinguish."""
    if isinstance(value, dict):
        return [(exact(k), exact(v)) for k, v in value.items()]
    if isinstance(value, set | frozenset):
        return type(value), sorted(map(repr, map(exact, value)))
    if isinstance(value, list | tuple):
        return type(value), [exact(each) for each in value]
    if isinstance(value, dt.datetime | dt.time):
        return type(value), value.replace(tzinfo=None, fold=0), value.utcoffset()
    if dataclasses.is_dataclass(value):
        return type(value), [exact(v) for v in vars(value).values()]
    if isinstance(value, msgspec.Struct):
        return type(value), [exact(getattr(value, name)) for name in value.__struct_fields__]
    return type(value), repr(value)


leaves = st.builds(Leaf, st.decimals(), st.floats())
trees: st.SearchStrategy[Tree] = st.deferred(
    lambda: st.builds(Tree, leaves, st.lists(trees, max_size=2))
)
words = st.text(max_size=4)
moments = st.datetimes(timezones=st.none() | st.timezones(), allow_imaginary=False)
hints: dict[Any, st.SearchStrategy[Any]] = {
    dt.datetime: moments,
    dt.date: st.dates(),
    dt.time: st.times(timezones=st.none() | st.just(dt.UTC)),
    dt.timedelta: st.timedeltas(),
    Decimal: st.decimals(),
    bytes: st.binary(max_size=9),
    set[int]: st.sets(st.integers(), max_size=4),
    frozenset[Decimal]: st.frozensets(st.decimals(allow_nan=False), max_size=4),
    tuple[int, ...]: st.lists(st.integers(), max_size=4).map(tuple),
    tuple[str, float, bool | None]: st.tuples(words, st.floats(), st.none() | st.booleans()),
    dict[int, str]: st.dictionaries(st.integers(), words, max_size=4),
    dict[dt.date, list[Decimal]]: st.dictionaries(
        st.dates(), st.lists(st.decimals(), max_size=2), max_size=3
    ),
    dict[str, Any]: st.dictionaries(words, st.integers() | st.tuples(words), max_size=3),
    list[dt.datetime | None]: st.lists(st.none() | moments, max_size=3),
    Leaf: leaves,
    Box[dt.date]: st.builds(Box, st.dates()),
    Tree: trees,
    list[DatedRow]: st.lists(st.builds(DatedRow, st.integers(), st.dates()), max_size=3),
    Annotated[Day, "by its date"]: st.dates(),
    Path: st.builds(Path, words.filter(lambda each: "\0" not in each)),
    Any: st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.dates(),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.tuples(inner)
            | st.dictionaries(words | st.integers(), inner, max_size=3)
        ),
        max_leaves=6,
    ),
}


@settings(deadline=None)
@given(st.sampled_from(list(hints)).flatmap(lambda hint: st.tuples(st.just(hint), hints[hint])))
def test_an_argument_is_decoded_exactly_or_refused(case: tuple[Any, Any]) -> None:
    hint, value = case
    task = task_of(hint)
    try:
        args, kwargs = encoded_and_decoded(task, value)
    except TypeError as error:
        refused = str(error)
        # Not "cannot be converted": whatever can be encoded can be decoded.
        assert re.match("argument 'value'(?! cannot be converted)", refused)
        return
    assert exact(args) == exact((value,))
    assert kwargs == {}
    assert exact(encoded_and_decoded(task, value=value)[1]) == exact({"value": value})


@settings(deadline=None)
@given(st.sampled_from(list(hints)).flatmap(lambda hint: st.tuples(st.just(hint), hints[hint])))
def test_a_result_is_decoded_exactly_or_not_stored(case: tuple[Any, Any]) -> None:
    hint, value = case
    task = task_of(hint)
    kept = encode_result(task, value, LIMIT)
    if kept.problem:
        assert kept.problem.startswith("result not stored: ")
        assert kept.text == ""
    else:
        assert exact(decode_result(task, kept.text, kept.type)) == exact(value)


@pytest.mark.parametrize("hint", [dt.date, Decimal, Leaf, tuple[int, ...], set[int]])
def test_most_values_are_not_refused(hint: Any) -> None:
    accepted = []

    @settings(deadline=None)
    @given(hints[hint])
    def check(value: Any) -> None:
        accepted.append(not encode_result(task_of(hint), value, LIMIT).problem)

    check()
    assert accepted.count(True) > len(accepted) / 2


plain_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@settings(deadline=None)
@given(plain_values, st.sampled_from([int, dt.date, set[int], dict[int, str], "NoSuchName"]))
def test_a_plain_value_is_encoded_unchanged_whatever_the_annotation(value: Any, hint: Any) -> None:
    task = task_of(hint)
    assert encode_arguments(task, (value,), {}) == ((value,), {}, ())
    kept = encode_result(task, value, LIMIT)
    assert (kept.type, kept.problem) == ("", "")
    assert exact(json.loads(kept.text)) == exact(value)


@settings(deadline=None)
@given(plain_values)
def test_plain_values_are_those_that_json_encodes_exactly(value: Any) -> None:
    assert flaw_in(value) is None
    assert exact(json.loads(json.dumps(value))) == exact(value)


def test_an_integer_is_accepted_for_a_float_annotation() -> None:
    ((arrived,), _) = encoded_and_decoded(task_of(tuple[float, float]), (1, 2.5))
    assert arrived == (1, 2.5)
    assert type(arrived[0]) is float


def test_an_object_without_fields_is_decoded() -> None:
    assert type(encoded_and_decoded(task_of(Nothing), Nothing())[0][0]) is Nothing


@pytest.mark.parametrize(
    ("hint", "value", "words"),
    [
        (str | Path, Path("a"), "its annotation str | pathlib.Path cannot restore it"),
        (list[Leaf], [Leaf("1.5")], "[0].price is a str and would arrive as a Decimal; pass a Dec"),  # type: ignore[arg-type]
        (Leaf, Box(1), "does not fit the annotation Leaf"),
        (dict, {"a": [dt.date.min]}, "a[0] is a date and would arrive as a str; name its type in"),
        (Literal["a"], dt.date.min, "does not fit the annotation"),
        ("NoSuchName", dt.date.min, "its annotation cannot be evaluated (NameError: name 'NoSuch"),
        (list[Leaf], [Leaf(object())], "[0].price is an object, which JSON cannot encode"),  # type: ignore[arg-type]
        (list[Leaf], [Leaf(Decimal(1), float("inf"))], "[0].weight is inf, which JSON cannot"),
        (
            object,
            (1, 2),
            "its annotation object cannot restore it: type `builtins.object` is not",
        ),
        (
            Iterable[int],
            (1, 2),
            "Iterable[int] cannot restore it: type `collections.abc.Iterable",
        ),
        (
            dt.date,
            dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
            "is a datetime and does not fit the annotation date: ",
        ),
        (Box[dt.date], Box(Box(1)), "does not fit the annotation"),
        (set[Any], {dt.date.min}, "{...} is a date and would not arrive"),
        (dict[Any, Any], {1: 2}, "has the key 1 (int), which would arrive as '1' (str)"),
    ],
)
def test_the_argument_and_the_position_inside_it_are_named(
    hint: Any, value: Any, words: str
) -> None:
    with pytest.raises(TypeError) as caught:
        encode_arguments(task_of(hint), (value,), {})
    assert str(caught.value).startswith("argument 'value'")
    assert words in str(caught.value)


def test_an_argument_is_also_named_without_its_task() -> None:
    with pytest.raises(TypeError, match=r"^argument 2: \[0\]\['b c'\] is a tuple"):
        check_arguments([1, [{"b c": ()}]], {})
    with pytest.raises(TypeError, match=r"^argument 'x' is an object"):
        check_arguments([], {"x": object()})


def test_nesting_is_limited_and_values_within_the_limit_can_be_decoded() -> None:
    value: Any = "bottom"
    for _ in range(DEEPEST):
        value = [value]
    assert encoded_and_decoded(task_of(Any), value)[0] == (value,)
    with pytest.raises(TypeError, match="nested more than 100 levels deep"):
        encoded_and_decoded(task_of(Any), [[1, value]])


def test_an_argument_for_a_removed_parameter_is_reported() -> None:
    def now(moment: dt.date) -> None: ...

    with pytest.raises(
        TypeError, match=r"argument 'value' was sent to be converted.* no parameter"
    ):
        decode_arguments(now, ("2026-01-01",), {}, ("value",))


def test_a_result_that_cannot_be_converted_here_is_reported() -> None:
    kept = encode_result(task_of(dt.date), dt.date.min, LIMIT)
    assert kept == ('"0001-01-01"', "date", "")
    for task in (None, task_of(int), task_of("NoSuchName"), task_of(set[int])):
        with pytest.raises(AsokError, match="the result was stored as date, and"):
            decode_result(task, kept.text, kept.type)
    with pytest.raises(AsokError, match="is invalid"):
        decode_result(None, "[")


def test_a_task_is_not_kept_alive_by_its_annotations() -> None:
    task = task_of(dt.date)
    encode_result(task, dt.date.min, LIMIT)
    gone = weakref.ref(task)
    del task
    gc.collect()
    assert gone() is None


@pytest.fixture(params=["local", "eager"])
def loose(request: pytest.FixtureRequest) -> Iterator[None]:
    """Jobs in this process that get the objects themselves."""
    configure(Settings.load({"ASOK_QUEUE_BACKEND": request.param, "ASOK_STRICT": "0"}))
    yield
    shutdown(timeout=30)
    configure()


@pytest.mark.usefixtures("loose")
def test_without_strictness_the_future_has_the_object_and_the_record_its_text() -> None:
    value = object()
    future = background(task_of(Any), value)
    assert future.result(30) is value
    record = get_job(future.job_id)
    assert (record.status, record.result) == ("completed", None)
    assert record.result_error == (
        "result not stored: it is an object, which JSON cannot encode; "
        "return numbers, strings, lists and dicts, or an id"
    )
    pair = background(task_of(tuple[int, str]), (1, "a"))
    assert pair.result(30) == (1, "a")
    record = get_job(pair.job_id)
    assert (record.result, record.result_type, record.result_error) == (
        *('[1, "a"]', "tuple[int, str]"),
        None,
    )
    large = background(task_of(list), list(range(20_000)))
    assert len(large.result(30)) == 20_000
    assert "more than ASOK_MAX_RESULT" in (get_job(large.job_id).result_error or "")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        *(("int", "an int"), ("UUID", "a UUID"), ("User", "a User"), ("Text", "a Text")),
        *(("HTTPError", "an HTTPError"), ("Union", "a Union"), ("Unseen", "an Unseen")),
        ("X", "an X"),
    ],
)
def test_a_value_is_named_with_its_article(name: str, words: str) -> None:
    assert described(type(name, (), {})()) == words
