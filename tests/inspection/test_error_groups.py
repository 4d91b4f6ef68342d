from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asok_core.inspection import error_groups as module
from asok_core.inspection.error_groups import (
    MOST_CAUSES,
    MOST_NAMES,
    OTHER,
    UNREADABLE,
    ErrorGroups,
    cause_of,
)
from asok_core.inspection.filters import parse, word
from asok_core.inspection.rows import Row
from asok_core.jobs.envelope import Payload, Trust
from asok_core.jobs.job import Job
from asok_core.jobs.states import Location


def dead_job(n: int, error: str | None, *, task: str = "send", queue: str = "default") -> Row:
    job = Job(id=f"job-{n}", module="shop", function=task, queue=queue)
    payload = Payload(b"{}", job, Trust.SIGNED, failed_at=float(n), error=error)
    return Row(n, payload, Location.DEAD, queue)


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        ("TimeoutError: order 17 took 30.5 s", "TimeoutError: order N took N s"),
        ("KeyError: 'user-42'", "KeyError: '…'"),
        ('ValueError: bad "a \\" b" here', "ValueError: bad '…' here"),
        ("OSError: no /srv/app/data/7.csv", "OSError: no <path>"),
        (r"OSError: no C:\data\x.csv", "OSError: no <path>"),
        ("E: 5e7b220d-0000-4000-8000-0123456789ab gone", "E: <id> gone"),
        ("E: object at 0x7f3a2b", "E: object at <hex>"),
        ("E: commit deadbeef01 unknown", "E: commit <hex> unknown"),
        ("E: defaced facade", "E: defaced facade"),
        ("E: GET https://api.example.com/v1/x?id=9 failed", "E: GET <url> failed"),
        ("E: refused by 10.0.0.7:5432", "E: refused by N"),
        ("E: to asa@example.com", "E: to <mail>"),
        ("KeyError: b'user-42'", "KeyError: '…'"),
        ("and/or", "and/or"),
        ("Can't open it, won't try", "Can't open it, won't try"),
        ("HTTPError: 503 from https://api.example.org/v1/x?id=3", "HTTPError: N from <url>"),
        ("E:   spaces\tand tabs", "E: spaces and tabs"),
        ("E: first line\nsecond 12", "E: first line"),
        (
            'Traceback (most recent call last):\n  File "x.py", line 3\n    f()\nKeyError: 7',
            "KeyError: N",
        ),
        ("", UNREADABLE),
        (None, UNREADABLE),
    ],
)
def test_what_differs_by_chance_is_folded(error: str | None, cause: str) -> None:
    assert cause_of(error) == cause


@given(
    st.integers(min_value=0),
    st.text(alphabet=st.characters(codec="utf-8", exclude_characters="'\\\n")),
)
def test_numbers_and_quoted_values_never_divide_a_cause(number: int, value: str) -> None:
    assert cause_of(f"E: {number} is '{value}'") == cause_of("E: 1 is 'x'")


FOLDS = (
    (
        re.compile(r"""(?<!\w)b?(?:'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"|`[^`\n]*`)"""),
        "'…'",
    ),
    (re.compile(r"(?<![a-z0-9+.-])[0-9+.-]*[a-z][a-z0-9+.-]*://\S+", re.IGNORECASE), "<url>"),
    (re.compile(r"(?<![\w.+-])[\w.+-]+@[\w-]+(?:\.[\w-]+)+"), "<mail>"),
    (re.compile(r"\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b", re.IGNORECASE), "<id>"),
    (re.compile(r"\b0x[0-9a-f]+\b", re.IGNORECASE), "<hex>"),
    (re.compile(r"(?<![\w/])(?:~|\.{1,2}|[A-Za-z]:)?(?:[/\\][\w.@%+~-]+){2,}[/\\]?"), "<path>"),
    (re.compile(r"\b(?=[0-9a-f]*[0-9])(?=[0-9a-f]*[a-f])[0-9a-f]{8,}\b", re.IGNORECASE), "<hex>"),
    (re.compile(r"\d+(?:[.,:]\d+)*"), "N"),
    (re.compile(r"\s+"), " "),
)
"""What is folded, one after another: the definition that the code takes short cuts of."""
PIECES = (
    *("'", '"', "`", "b'", "://", "http://", "@", "-", "0x", "0X1f", "/", "\\", "/srv/app", "C:\\a\\b"),
    *(".", " ", "\t", "\u2003", "\x1c", "1", "07", "٣", "a", "deadbeef01", "x.y", "é", "b", "f", "~", "N"),
    *(",", ":"),
    *("5e7b220d-0000-4000-8000-0123456789ab", "asa@example.com", "x" * 40, "0" * 130),
)  # fmt: skip


@given(st.lists(st.sampled_from(PIECES) | st.text(max_size=2), max_size=14).map("".join))
def test_the_short_cuts_fold_what_each_pattern_would(text: str) -> None:
    line = text.replace("\n", " ").strip()
    expected = line
    for pattern, folded in FOLDS:
        expected = pattern.sub(folded, expected)
    expected = expected.strip()
    if line:
        assert cause_of(line) == (expected if len(expected) <= 300 else expected[:299] + "…")


def test_errors_that_differ_in_numbers_are_folded_once() -> None:
    folded = module._folded_once
    folded.cache_clear()
    causes = ErrorGroups()
    causes.add(
        dead_job(n, f"OSError: host {n:05} refused /srv/x{n % 7}/y.py after {n:05} ms")
        for n in range(5000)
    )
    assert [group.count for group in causes.groups()] == [5000]
    assert folded.cache_info().misses == 1
    # What is remembered is bounded in number and in length.
    most = folded.cache_info().maxsize
    assert most is not None
    causes.add(dead_job(n, f"E: /{'x' * n}/") for n in range(2 * most))
    assert folded.cache_info().currsize <= most


def test_hundreds_of_thousands_of_groups_are_counted_whole() -> None:
    def name(n: int) -> str:
        return "".join(chr(ord("g") + int(digit)) for digit in str(n))

    causes = ErrorGroups(recent_from=0.0)
    many = 100_000
    causes.add(dead_job(n, f"E: {name(n)}", task=name(n), queue=name(n)) for n in range(many))
    groups = causes.groups()
    assert len(causes) == len(groups) == MOST_CAUSES + 1
    assert causes.dead_jobs == sum(group.count for group in groups) == many
    assert groups[0].is_rest
    assert groups[0].sample == f"job-{many - 1}"
    for group in groups:
        assert len(group.tasks) <= MOST_NAMES + 1
        assert sum(group.tasks.values()) == sum(group.queues.values()) == group.count
        assert len(group.recent) <= module.MOST_STEPS + 1


@given(st.text(max_size=3000))
def test_any_error_has_a_cause_of_one_bounded_line(error: str) -> None:
    cause = cause_of(error)
    assert cause
    assert len(cause) <= 300
    assert "\n" not in cause


def test_groups_count_and_say_when_what_and_where() -> None:
    causes = ErrorGroups()
    causes.add(dead_job(n, f"KeyError: {n}", queue="high" if n % 2 else "low") for n in range(5))
    causes.add([dead_job(9, "OSError: x", task="resize"), dead_job(10, None)])
    first, *others = causes.groups()
    assert (first.cause, first.count, first.sample) == ("KeyError: N", 5, "job-4")
    assert (first.first_seen, first.last_seen) == (0.0, 4.0)
    assert dict(first.queues) == {"low": 3, "high": 2}
    assert {group.cause: dict(group.tasks) for group in others} == {
        "OSError: x": {"shop.resize": 1},
        UNREADABLE: {"shop.send": 1},
    }
    assert causes.dead_jobs == 7


def test_the_filter_of_a_group_finds_the_rows_it_counted() -> None:
    errors = ("KeyError: 7", "OSError: no route", "OSError: No Route")
    rows = [dead_job(n, errors[n % 3]) for n in range(6)]
    causes = ErrorGroups()
    causes.add(rows)
    groups = causes.groups()
    assert [(group.cause, group.count) for group in groups] == [
        ("OSError: no route", 4),
        ("KeyError: N", 2),
    ]
    for group in groups:
        found = parse(word("cause", group.cause))
        assert sum(found.matches(row, 0.0) for row in rows) == group.count


def test_malformed_dead_jobs_are_grouped_by_their_problem() -> None:
    payload = Payload(b"x", None, Trust.MALFORMED, "it is not JSON: line 1")
    causes = ErrorGroups()
    causes.add([Row(0, payload, Location.DEAD, "")])
    (group,) = causes.groups()
    assert (group.cause, dict(group.tasks)) == ("it is not JSON: line N", {UNREADABLE: 1})


def test_memory_is_bounded_however_many_causes_there_are() -> None:
    def name(n: int) -> str:
        return "".join(chr(ord("g") + int(digit)) for digit in str(n))

    causes = ErrorGroups()
    causes.add(
        dead_job(n, f"E: {name(n)}", task=name(n), queue=name(n)) for n in range(MOST_CAUSES + 500)
    )
    groups = causes.groups()
    assert len(groups) == MOST_CAUSES + 1
    assert (groups[0].cause, groups[0].count) == (OTHER, 500)
    assert len(groups[0].tasks) <= MOST_NAMES + 1


@pytest.mark.parametrize("forged", [OTHER, OTHER.upper()])
def test_an_error_with_the_words_of_the_rest_is_a_group_of_its_own(forged: str) -> None:
    causes = ErrorGroups()
    causes.add(dead_job(n, forged) for n in range(2))
    (group,) = causes.groups()
    assert not group.is_rest
    causes.add(dead_job(n, "E: " + "x" * (1 + n)) for n in range(MOST_CAUSES // 10))
    causes.add(dead_job(n, "F: " + "y " * (1 + n % 100) + "z" * (n // 100)) for n in range(2500))
    (rest,) = (each for each in causes.groups() if each.is_rest)
    (own,) = (each for each in causes.groups() if each.cause == forged and not each.is_rest)
    assert (rest.cause, own.count) == (OTHER, 2)
    assert rest.key != own.key
    found = parse(word("cause", own.cause))
    assert found.matches(dead_job(0, forged), 0.0)
