"""Values on every backend: what arrives is what was sent, or it is refused.

On Redis they are sent to a real worker; threads and eager jobs follow the same rules.
"""

from __future__ import annotations

import datetime as dt
import enum
import errno
import json
import logging
import math
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterator
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
import redis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import asok_core
from asok_core import (
    Settings,
    background,
    background_many,
    call,
    configure,
    get_job,
    shutdown,
)
from tests.fixtures.worker import Desk, RunWorker, foreign_envelope
from tests.worker import values

WAIT = 50.0
NOW = dt.datetime(2026, 2, 3, 4, 5, 6, 789, tzinfo=dt.UTC)
ID = UUID("12345678-1234-4234-8234-123456789abc")
ORDER = values.Order(
    7,
    NOW,
    [values.OrderLine(ID, Decimal("1.50")), values.OrderLine(ID, Decimal("1E+3"), 2)],
    values.Colour.GREEN,
    {"b": (1, 2), "a": ()},
)


@pytest.fixture(params=["local", "eager", "redis"])
def application(
    request: pytest.FixtureRequest, make_settings: Callable[..., Settings]
) -> Iterator[str]:
    """``background`` enqueues on this backend."""
    configure(make_settings(ASOK_QUEUE_BACKEND=request.param))
    yield request.param
    shutdown(timeout=WAIT)
    configure()


on_redis = pytest.mark.parametrize("application", ["redis"], indirect=True)


@pytest.fixture
def served(application: str, run_worker: RunWorker) -> None:
    """A worker runs what ``background`` enqueues."""
    if application == "redis":
        run_worker()


PLAIN: tuple[Any, ...] = (
    *(None, True, 0, -1, 2**63, -(10**4299), 1.5, -0.0, 1e308, "", "é\u2028\x00", "\ud800"),
    *([], {}, [[], {}], {"b": 1, "a": [1, None, {"z": 1, "y": 2}]}),
)

TYPED: tuple[tuple[Callable[..., Any], Any], ...] = (
    (values.moment, NOW),
    (values.moment, NOW.replace(tzinfo=None)),
    (values.moment, dt.datetime(2026, 7, 1, 12, tzinfo=dt.timezone(dt.timedelta(hours=5.5)))),
    (values.day, dt.date(2026, 2, 3)),
    (values.hour, dt.time(4, 5, 6, 7)),
    (values.span, dt.timedelta(days=-3, microseconds=5)),
    (values.price, Decimal("1.50")),
    (values.price, Decimal("-0.00")),
    (values.price, None),
    (values.identity, ID),
    (values.data, b"\x00\xff"),
    (values.path, Path("a/b")),
    (values.colour, values.Colour.RED),
    (values.size, values.ShirtSize.LARGE),
    (values.pair, (1, "a")),
    (values.numbers, {1, 2}),
    (values.numbers, set()),
    (values.moments, frozenset({dt.date(2026, 1, 1)})),
    (values.names, {2: "b", 1: "a"}),
    (values.point, values.Point(1, 2)),
    (values.order, ORDER),
    (values.orders, [ORDER, ORDER]),
    (values.reading, values.Reading(NOW, [1.5, -0.0])),
    (values.dates, values.Range(first=dt.date(2026, 1, 1), last=dt.date(2026, 1, 2))),
    (values.keyed, {"b": [Decimal("1.0")], "a": []}),
    (values.later, NOW),
    (values.awaitable, NOW),
)


def _any(task: Callable[..., Any]) -> Callable[..., Any]:
    """A task without its signature, for calls that type checkers would refuse."""
    return task


def exact(value: object) -> str:
    """What distinguishes values that are equal, and types, at every depth, and the order of keys."""
    return f"{type(value).__qualname__} {value!r}"


def same(one: Any, other: Any) -> bool:
    """Whether values are equal, with moments of one offset in place of moments of one zone."""
    if isinstance(one, dt.datetime | dt.time):
        clocks = one.replace(tzinfo=None, fold=0) == other.replace(tzinfo=None, fold=0)
        return bool(clocks and one.utcoffset() == other.utcoffset())
    if isinstance(one, set):
        return bool(one == other)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, values.Order):
        rest = [(each.id, exact(each.lines), each.colour, each.notes) for each in (one, other)]
        return same(one.placed_at, other.placed_at) and rest[0] == rest[1]
    return False


@pytest.mark.usefixtures("served")
def test_values_arrive_as_they_were_sent() -> None:
    sent = [(values.plain, each) for each in PLAIN] + list(TYPED)
    futures = [background(task, each) for task, each in sent]
    for (task, each), future in zip(sent, futures, strict=True):
        assert exact(future.result(WAIT)) == exact(each), task


@pytest.mark.usefixtures("served")
def test_arguments_of_every_kind_of_parameter_arrive() -> None:
    lines = [(1, Decimal("1.0")), (2, Decimal(2))]
    future = background(values.rows, 0, *lines, since=dt.date(2026, 1, 1))
    expected = ["0", "(1, Decimal('1.0'))", "(2, Decimal('2'))", "since=datetime.date(2026, 1, 1)"]
    assert future.result(WAIT) == expected
    day = dt.date(2026, 1, 1)
    # One annotation that cannot be evaluated does not spoil its neighbours.
    assert background(_any(values.imported_for_types_only), 1, when=day).result(WAIT) == day


@pytest.mark.usefixtures("served")
def test_a_plain_value_is_never_converted() -> None:
    assert background(_any(values.mistaken), "2026-01-01").result(WAIT) == "str 2026-01-01"
    assert background(_any(values.mistaken), 7).result(WAIT) == "int 7"
    assert (
        background(_any(values.moment), "2026-01-01T00:00:00").result(WAIT) == "2026-01-01T00:00:00"
    )
    assert background(_any(values.pair), [1, "a"]).result(WAIT) == [1, "a"]


@pytest.mark.usefixtures("served")
def test_the_order_of_keywords_and_keys_survives() -> None:
    assert background(values.in_order, z=1, a=2, m=3).result(WAIT) == ["z", "a", "m"]
    future = background(values.plain, {"z": {"b": 1, "a": 2}, "a": 0})
    assert list(future.result(WAIT)) == ["z", "a"]
    assert get_job(future.job_id).result == '{"z": {"b": 1, "a": 2}, "a": 0}'


@on_redis
@pytest.mark.usefixtures("application")
def test_a_typed_argument_arrives_after_a_retry_and_a_requeue(
    run_worker: RunWorker, desk: Desk
) -> None:
    from asok_core.backends.roles import Scope
    from asok_core.jobs.states import Location
    from asok_core.operations.inspector import open_operator

    run_worker()
    future = background(values.fail, dt.date(2026, 1, 1), _retries=1, _backoff=0)
    job = desk.job("fail")
    job.id = future.job_id
    assert "ConnectionError: date 2026-01-01" in (desk.reaches(job, "failed").error or "")
    operator = open_operator(desk.settings)
    assert operator.requeue(Scope(Location.DEAD)).applied == 1
    desk.reaches(job, "failed")
    assert len(desk.dead()) == 1
    # An operator writes JSON, and the annotation still says what it becomes.
    assert operator.edit(desk.dead()[0].raw, [], {"value": "2026-12-31"}).applied == 1
    desk.reaches(job, "failed")
    assert "date 2026-12-31" in (desk.dead()[0].error or "")
    assert operator.edit(desk.dead()[0].raw, ["tomorrow"], {}).applied == 1
    desk.reaches(job, "failed")
    problem = "argument 'value' cannot be converted to date: "
    assert problem in (desk.dead()[0].error or "")
    operator.close()


class TextSubclass(str):
    __slots__ = ()


class Kind(enum.StrEnum):
    A = "a"


CYCLE: list[Any] = []
CYCLE.append({"x": CYCLE})
DEEP: Any = 1
for _ in range(5000):
    DEEP = [DEEP]

REFUSED: tuple[tuple[Callable[..., Any], Any, str], ...] = (
    (values.plain, {"items": [0, {"price": Decimal(1)}]}, "'value': items[1].price is a Decimal"),
    (
        values.unannotated,
        NOW,
        "'value' is a datetime, which JSON cannot encode; annotate the param",
    ),
    (values.plain, {1: "a", "b": 2}, "'value' has the key 1 (int)"),
    (
        values.names,
        {1: "a", "b": "2"},
        "'value' is a dict and does not fit the annotation dict[int, str]",
    ),
    (values.names, {1: "a", "1": "b"}, "'value' would arrive without some of its keys"),
    (values.plain, [10**5000], "'value': [0] is an integer of more than 4,300 digits"),
    (values.plain, 10**5000, "'value' is an integer of more than 4,300 digits"),
    (values.plain, [1.0, math.nan], "'value': [1] is nan"),
    (values.plain, -math.inf, "'value' is -inf"),
    (values.plain, CYCLE, "'value' contains itself"),
    (values.plain, DEEP, "'value' is nested more than 100 levels deep"),
    (values.plain, (1, 2), "'value' is a tuple"),
    (values.plain, [{"a": {1}}], "'value': [0].a is a set"),
    (
        values.plain,
        TextSubclass("x"),
        "'value' is a TextSubclass and would arrive as a plain str; pass a plain str",
    ),
    (values.unannotated, Kind.A, "'value' is a Kind and would arrive as a plain str; annotate"),
    (values.plain, values.ShirtSize.SMALL, "'value' is a ShirtSize"),
    (
        values.plain,
        OrderedDict(a=1),
        "'value' is an OrderedDict and would arrive as a plain dict; pass a plain dict",
    ),
    (values.unannotated, (1, 2), "'value' is a tuple and would arrive as a list; annotate the"),
    (values.plain, map(str, [1]), "'value' is a map, which JSON cannot encode; pass a list"),
    (values.unannotated, {1.5: 1}, "the key 1.5 (float), which would arrive as a string"),
    (values.unannotated, {b"a": 1}, "the key ... (bytes), which JSON cannot encode"),
    (values.plain, defaultdict(int, a=1), "'value' is a defaultdict"),
    (values.plain, values.Point(1, 2), "'value' is a Point"),
    (values.plain, object(), "'value' is an object"),
    (values.pair, (1, 2), "'value' is a tuple and does not fit the annotation tuple[int, str]"),
    (values.day, NOW, "'value' "),
    (values.price, Fraction(1, 3), "'value' is a Fraction"),
    (values.moment, NOW.replace(tzinfo=None, fold=1), "'value' is a datetime and would"),
    (values.moment, dt.datetime(1800, 1, 1, tzinfo=ZoneInfo("Europe/Paris")), "'value' "),
    (values.hour, dt.time(1, tzinfo=ZoneInfo("Europe/Paris")), "'value' "),
    (values.orders, [ORDER, None], "'value' is a list and does not fit the annotation"),
    (values.imported_for_types_only, NOW, "its annotation cannot be evaluated (NameError"),
)


@pytest.mark.usefixtures("application")
@pytest.mark.parametrize(
    ("task", "value", "words"), REFUSED, ids=[f"{at} {each[2]}" for at, each in enumerate(REFUSED)]
)
def test_what_would_not_arrive_is_refused_where_it_is_passed(
    redis_client: redis.Redis, task: Callable[..., Any], value: Any, words: str
) -> None:
    with pytest.raises(TypeError) as caught:
        background(task, value)
    assert "argument" in str(caught.value)
    assert words in str(caught.value)
    assert redis_client.keys("*") == []


@pytest.mark.usefixtures("application")
def test_what_is_too_large_is_refused_where_it_is_passed(redis_client: redis.Redis) -> None:
    with pytest.raises(asok_core.PayloadTooLarge) as caught:
        background(values.plain, "x" * 2_000_000)
    words = "the arguments of tests.worker.values.plain make 2,000,"
    assert str(caught.value).startswith(words)
    assert "more than ASOK_MAX_PAYLOAD (1,048,576); pass an id" in str(caught.value)
    assert redis_client.keys("*") == []


@pytest.mark.usefixtures("served")
def test_of_many_calls_none_runs_where_an_argument_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "ran"
    with pytest.raises(TypeError, match="argument 'value' is an object"):
        background_many([call(values.touch, str(path)), call(values.plain, object())])
    assert background(values.plain, 1).result(WAIT) == 1
    shutdown(timeout=WAIT)
    assert not path.exists()


@pytest.mark.usefixtures("served")
def test_each_attempt_gets_what_was_passed_whatever_becomes_of_it() -> None:
    basket: list[Any] = [[1], {"a": 1}]
    future = background(values.spoil, basket, _retries=1, _backoff=0, _delay=0.2)
    basket.append("later")
    kept = future.result(WAIT)
    assert kept == [[1], {"a": 1}, "spoilt"]
    assert basket == [[1], {"a": 1}, "later"]


@on_redis
@pytest.mark.usefixtures("served")
def test_a_postponed_job_keeps_what_was_passed() -> None:
    future = background(values.spoil, [1], errno.EMFILE)
    assert future.result(WAIT) == [1, "spoilt"]


NOT_STORED: tuple[tuple[Callable[..., Any], str], ...] = (
    (values.large, "result not stored: it has 128,890 bytes as JSON, more than ASOK_MAX_RESULT"),
    (
        values.counter,
        "result not stored: it is a Counter and would arrive as a plain dict; return a pl",
    ),
    (values.unshowable, "result not stored: it is an Unshowable"),
    (values.cycle, "result not stored: it contains itself"),
)


def test_a_result_that_is_not_stored_is_reported_as_such(
    application: str, run_worker: RunWorker, caplog: pytest.LogCaptureFixture
) -> None:
    worker = run_worker() if application == "redis" else None
    for task, words in NOT_STORED:
        future = background(task)
        with pytest.raises(asok_core.ResultNotStored, match="completed; result not stored: ") as e:
            future.result(WAIT)
        assert words in str(e.value)
        record = get_job(future.job_id)
        assert (record.status, record.result) == ("completed", None)
        assert (record.result_error or "").startswith(words)
        if worker is not None:
            worker.wait_for_log(words)
    # In this process the warning follows the outcome.
    shutdown(timeout=WAIT)
    warned = [each.getMessage() for each in caplog.records if each.levelno == logging.WARNING]
    if application != "redis":
        # Of two threads, that of the later job may be the first to warn.
        assert len(warned) == len(NOT_STORED)
        for _, words in NOT_STORED:
            assert any(f" completed, {words}" in line for line in warned), warned


@pytest.mark.usefixtures("served")
def test_a_result_without_an_annotation_never_changes_its_type() -> None:
    for kind in values.SAMPLES:
        future = background(values.sample, kind)
        advice = "return None" if kind == "NaN" else "annotate what the task returns"
        with pytest.raises(asok_core.ResultNotStored, match=advice):
            future.result(WAIT)
        assert get_job(future.job_id).status == "completed"


@pytest.mark.usefixtures("served")
def test_a_record_says_how_its_result_converts_back() -> None:
    future = background(values.pair, (1, "a"))
    assert future.result(WAIT) == (1, "a")
    record = get_job(future.job_id)
    assert (record.result, record.result_type) == ('[1, "a"]', "tuple[int, str]")
    assert background(_any(values.pair), [1, "a"]).result(WAIT) == [1, "a"]


def test_a_record_of_the_framework_stays_a_json_string(desk: Desk, run_worker: RunWorker) -> None:
    made: dict[str, dict[str, Any]] = {
        "large": {},
        "pair": {"kwargs": {"value": [1, "a"]}},
        "day": {"args": ["2026-01-01"]},
    }
    jobs = {}
    for name, changes in made.items():
        job = jobs[name] = desk.job(name, module=values.__name__)
        record = json.dumps({"status": "pending", "ts": 1.0, "result": None, "error": None})
        desk.client.set(desk.keys.job(job.id), record, ex=3600)
        desk.client.lpush(desk.keys.queue("default"), foreign_envelope(job, **changes))
    run_worker()
    for job in jobs.values():
        desk.reaches(job, "completed")
    reported = {
        name: json.loads(desk.client.get(desk.keys.job(job.id))) for name, job in jobs.items()
    }
    assert reported["large"]["result"] is None
    assert reported["large"]["result_error"].startswith("result not stored: it has 128,890 bytes")
    # It knows no typed values, so its tasks get what they always got.
    assert (reported["pair"]["result"], reported["day"]["result"]) == ([1, "a"], "2026-01-01")
    assert "result_type" not in reported["pair"]


@on_redis
@pytest.mark.usefixtures("application")
def test_a_unique_job_of_another_task_is_converted_by_that_task(run_worker: RunWorker) -> None:
    first = background(values.day, dt.date(2026, 1, 1), _unique="one")
    second = background(values.pair, (1, "a"), _unique="one")
    assert second.job_id == first.job_id
    run_worker()
    assert second.result(WAIT) == dt.date(2026, 1, 1)


aware = st.datetimes(
    timezones=st.none()
    | st.builds(dt.timezone, st.timedeltas(dt.timedelta(hours=-23), dt.timedelta(hours=23)))
    | st.timezones(),
    allow_imaginary=False,
)
lines = st.builds(values.OrderLine, st.uuids(), st.decimals(), st.integers(0, 2**63))
orders = st.builds(
    values.Order,
    st.integers(-(2**70), 2**70),
    aware,
    st.lists(lines, max_size=2),
    st.none() | st.sampled_from(values.Colour),
    st.dictionaries(
        st.text(max_size=5), st.lists(st.integers(), max_size=2).map(tuple), max_size=2
    ),
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)
calls: st.SearchStrategy[tuple[Callable[..., Any], Any]] = st.one_of(
    st.tuples(st.sampled_from([values.plain, values.unannotated, *dict(TYPED)]), json_values),
    st.tuples(st.sampled_from([values.moment, values.later, values.plain]), aware),
    st.tuples(st.just(values.hour), st.times(timezones=st.none() | st.just(dt.UTC))),
    st.tuples(st.just(values.span), st.timedeltas()),
    st.tuples(st.sampled_from([values.price, values.unannotated]), st.decimals()),
    st.tuples(st.just(values.data), st.binary(max_size=20)),
    st.tuples(
        st.just(values.names), st.dictionaries(st.integers(), st.text(max_size=5), max_size=3)
    ),
    st.tuples(st.just(values.numbers), st.sets(st.integers(), max_size=3)),
    st.tuples(st.just(values.orders), st.lists(orders, max_size=2)),
)


@pytest.mark.usefixtures("served")
def test_any_value_arrives_as_it_is_or_is_refused() -> None:

    @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(calls, min_size=1, max_size=25))
    def check(batch: list[tuple[Callable[..., Any], Any]]) -> None:
        accepted = []
        for task, value in batch:
            try:
                accepted.append((value, background(task, value)))
            except TypeError:
                continue
        for value, future in accepted:
            try:
                arrived = future.result(WAIT)
            except asok_core.ResultNotStored:
                continue
            assert type(arrived) is type(value)
            assert exact(arrived) == exact(value) or same(arrived, value)

    check()
