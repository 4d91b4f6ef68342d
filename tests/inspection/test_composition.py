from __future__ import annotations

import random
from collections import Counter
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asok_core.backends.redis.reading import sampling
from asok_core.errors import UsageError
from asok_core.inspection.composition import (
    AGES,
    SIZES,
    Composition,
    compose,
    parse_by,
)
from asok_core.inspection.filters import parse
from asok_core.inspection.group_counts import MOST_LINES
from asok_core.inspection.rows import Row
from asok_core.inspection.sample import JobSample, SampledRange
from asok_core.jobs.envelope import Payload, Trust
from asok_core.jobs.job import Job
from asok_core.jobs.states import Location

NOW = 1_700_000_000.0


def row(n: int = 0, *, size: int | None = None, raw: bytes = b"{}", **fields: Any) -> Row:
    values: dict[str, Any] = {"id": f"job-{n}", "module": "shop", "function": "send"}
    job = Job(**(values | fields))
    return Row(n, Payload(raw, job, Trust.SIGNED, size=size), Location.PENDING, job.queue)


def unreadable(trust: Trust = Trust.MALFORMED) -> Row:
    return Row(0, Payload(b"?", None, trust, "not a job"), Location.PENDING, "default")


def everything(*rows: Row) -> JobSample:
    return JobSample(len(rows), (SampledRange(len(rows), rows),), NOW)


def named(found: Composition) -> dict[str, int]:
    return {line.group.name: line.jobs for line in found.lines}


def test_tasks_are_counted_and_the_largest_comes_first() -> None:
    rows = [row(n, function="mail" if n % 3 else "scan") for n in range(9)]
    found = compose(everything(*rows, unreadable()))
    assert list(named(found).items()) == [("shop.mail", 6), ("shop.scan", 3), ("unreadable", 1)]
    assert found.is_exact
    assert found.error == 0.0
    assert sum(line.share for line in found.lines) == pytest.approx(1.0)


def test_an_empty_location_has_no_lines() -> None:
    found = compose(JobSample(0, (), NOW))
    assert found.lines == ()
    assert found.is_exact


def test_an_argument_is_counted_by_its_value_and_what_is_not_known_by_why() -> None:
    rows = [
        row(1, kwargs={"tenant": "acme"}),
        row(2, kwargs={"tenant": "ACME"}),
        row(3, kwargs={"tenant": None}),
        row(4, kwargs={"tenant": 7}),
        row(5, kwargs={"tenant": [1]}),
        row(6, kwargs={"tenant": {"id": 1}}),
        row(7, kwargs={"tenant": "[redacted]"}),
        row(8),
        row(9, size=90_000),
        unreadable(),
        unreadable(Trust.OVERSIZED),
    ]
    found = compose(everything(*rows), parse_by("arg:kwargs.tenant"))
    assert named(found) == {
        "acme": 2, "null": 1, "7": 1, "a list": 1, "an object": 1, "redacted": 1, "no such argument": 1,
        "not read: large": 1, "unreadable": 1, "too large to be read": 1,
    }  # fmt: skip


def test_below_what_is_redacted_nothing_is_grouped_by_value() -> None:
    found = compose(everything(row(args=("[redacted]",))), parse_by("arg:args[0].customer"))
    assert named(found) == {"redacted": 1}


def test_the_paths_of_arguments_are_listed_with_how_many_values_they_have() -> None:
    rows = [row(n, args=({"id": n % 2},), kwargs={"key": "[redacted]"}) for n in range(4)]
    found = compose(everything(*rows, row(9, size=50_000)), parse_by("arg"))
    assert [(str(line.group.path), line.jobs, line.values) for line in found.lines[:2]] == [
        ("args[0].id", 4, 2),
        ("kwargs.key", 4, 0),
    ]
    assert named(found)["not read: large"] == 1


def test_of_very_many_values_those_beyond_a_limit_are_counted_together() -> None:
    rows = [row(n, args=(n,)) for n in range(MOST_LINES + 70)]
    found = compose(everything(*rows), parse_by("arg:args[0]"))
    assert len(found.lines) == MOST_LINES + 1
    assert found.lines[-1].group.name == "all others"
    assert found.lines[-1].jobs == 70


def test_jobs_of_other_queues_are_one_line_and_filters_name_the_queue() -> None:
    rows = [row(n, queue="high" if n < 2 else "low") for n in range(5)]
    found = compose(everything(*rows), queue="high")
    assert named(found) == {"shop.send": 2, "jobs of other queues": 3}
    assert found.lines[0].group.filter == "queue:high task:=shop.send"


ages = st.none() | st.floats(-5.0, 9e6)
sizes = st.integers(1, 40 << 20)
arguments = (
    st.none() | st.booleans() | st.integers(0, 3) | st.text(max_size=5) | st.lists(st.none())
)


@given(
    st.lists(st.tuples(st.sampled_from(["a", "ab", "b"]), ages, sizes, arguments), max_size=40),
    st.sampled_from(["task", "age", "size", "arg:kwargs.x"]),
)
def test_the_filter_of_a_line_finds_exactly_its_jobs(
    jobs: list[tuple[str, float | None, int, Any]], by: str
) -> None:
    rows = [
        Row(n, Payload(b"x" * min(size, 70), Job(id=str(n), module="shop", function=name,
            kwargs={"x": value}, enqueued_at=None if age is None else NOW - age), Trust.SIGNED,
            size=size if by == "size" else None), Location.PENDING, "default")
        for n, (name, age, size, value) in enumerate(jobs)
    ]  # fmt: skip
    found = compose(everything(*rows), parse_by(by))
    assert sum(line.jobs for line in found.lines) == len(rows)
    for line in found.lines:
        if line.group.filter:
            chosen = parse(line.group.filter)
            assert sum(chosen.matches(each, NOW) for each in rows) == line.jobs, line


@pytest.mark.parametrize(("by", "bounds"), [("age", AGES), ("size", SIZES)])
def test_ages_and_sizes_are_listed_in_their_order(by: str, bounds: tuple[str, ...]) -> None:
    rows = []
    for n in range(len(bounds) + 1):
        rows += [row(n, enqueued_at=NOW - 8 ** (n + 2) / 3, size=int(400 * 4.4**n))] * (n + 1)
    found = compose(everything(*rows), parse_by(by))
    ranks = [line.group.rank for line in found.lines]
    assert ranks == sorted(ranks)
    assert found.lines[0].group.name.startswith("under ")


@pytest.mark.parametrize("text", ["", "x", "task:x", "arg:", "arg:x", "age:>1h", "ARG:args[0]"])
def test_what_is_not_a_dimension_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        parse_by(text)


def drawn(tasks: list[str], windows: int, each: int, chance: random.Random) -> JobSample:
    """A sample as ``sampling.py`` takes it."""
    rows = {task: row(function=task) for task in "ab"}
    edges = [at * len(tasks) // windows for at in range(windows + 1)]
    parts = []
    for begin, end in pairwise(edges):
        start = begin + chance.randrange(end - begin - each + 1)
        parts.append(
            SampledRange(end - begin, tuple(rows[task] for task in tasks[start : start + each]))
        )
    return JobSample(len(tasks), tuple(parts), NOW)


def drawn_in_part(tasks: list[str], windows: int, each: int, chance: random.Random) -> JobSample:
    """A sample that ends early, as ``sampling.py`` takes it where windows take Redis long."""
    rows = {task: row(function=task) for task in "ab"}
    parts = sampling._parts(len(tasks))
    chosen = sampling._in_turn(parts, chance)[:windows]
    lengths = [part.length for part in sampling._whole(len(tasks), dict.fromkeys(chosen, ()))]
    starts = [sampling._start(part, each, chance) for part in sorted(chosen)]
    return JobSample(
        len(tasks),
        tuple(
            SampledRange(length, tuple(rows[task] for task in tasks[start : start + each]))
            for length, start in zip(lengths, starts, strict=True)
        ),
        NOW,
    )


def mixed(chance: random.Random) -> list[str]:
    return ["a" if chance.random() < 0.3 else "b" for _ in range(20_000)]


def in_runs(chance: random.Random) -> list[str]:
    found: list[str] = []
    while len(found) < 20_000:
        found += [chance.choice("aab")] * chance.randrange(1, 400)
    return found


def sorted_by_time(chance: random.Random) -> list[str]:
    turn = chance.randrange(2_000, 18_000)
    return ["a"] * turn + ["b"] * (20_000 - turn)


@pytest.mark.parametrize("order", [mixed, in_runs, sorted_by_time])
@pytest.mark.parametrize(
    ("draw", "windows", "each", "most"),
    [
        pytest.param(drawn, 50, 20, (0.035, 0.15), id="complete"),
        pytest.param(drawn_in_part, 64, 32, (0.035, 0.15), id="all parts"),
        pytest.param(drawn_in_part, 24, 32, (0.08, 0.25), id="ended early"),
        pytest.param(drawn_in_part, sampling.FEWEST, 64, (0.25, 0.45), id="fewest"),
    ],
)
def test_the_stated_error_holds_for_at_least_nine_of_ten_samples(
    order: Any, draw: Any, windows: int, each: int, most: tuple[float, float]
) -> None:
    """Also where neighbours are alike, which an error by the number of jobs would not cover."""
    chance = random.Random(7)
    within, errors = 0, []
    for _ in range(200):
        tasks = order(chance)
        found = compose(draw(tasks, windows, each, chance))
        true = Counter(tasks)["a"] / len(tasks)
        lines = [line for line in found.lines if line.group.name == "shop.a"]
        if not lines:
            # What no window has is not listed; it is stated that what is rarer may be missing.
            continue
        within += abs(lines[0].share - true) <= lines[0].error
        errors.append(lines[0].error)
    assert within >= 0.9 * len(errors)
    assert len(errors) >= 195
    # And it is of use: a wider one would always hold.
    assert sorted(errors)[len(errors) // 2] < most[order is in_runs]


def test_that_all_windows_agree_is_not_certainty() -> None:
    found = compose(drawn(["a"] * 20_000, 50, 20, random.Random(1)))
    assert found.lines[0].share == 1.0
    assert 0 < found.lines[0].error < 0.01
    assert not found.is_exact
    assert (found.read, found.total, found.lines[0].jobs) == (1_000, 20_000, 20_000)
