from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asok_core.inspection import error_groups as module
from asok_core.inspection.error_groups import (
    MOST_GROUPS,
    MOST_NAMES,
    OTHER,
    OTHER_NAMES,
    UNREADABLE,
    ErrorGroups,
    normalised_error,
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
    ("error", "normalised"),
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
def test_what_differs_by_chance_is_folded(error: str | None, normalised: str) -> None:
    assert normalised_error(error) == normalised


@given(
    st.integers(min_value=0),
    st.text(alphabet=st.characters(codec="utf-8", exclude_characters="'\\\n")),
)
def test_numbers_and_quoted_values_never_divide_an_error_group(number: int, value: str) -> None:
    assert normalised_error(f"E: {number} is '{value}'") == normalised_error("E: 1 is 'x'")


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
        assert normalised_error(line) == (
            expected if len(expected) <= 300 else expected[:299] + "…"
        )


def test_errors_that_differ_in_numbers_are_folded_once() -> None:
    folded = module._folded_once
    folded.cache_clear()
    errors = ErrorGroups()
    errors.add(
        dead_job(n, f"OSError: host {n:05} refused /srv/x{n % 7}/y.py after {n:05} ms")
        for n in range(5000)
    )
    assert [group.count for group in errors.groups()] == [5000]
    assert folded.cache_info().misses == 1
    # What is remembered is bounded in number and in length.
    most = folded.cache_info().maxsize
    assert most is not None
    errors.add(dead_job(n, f"E: /{'x' * n}/") for n in range(2 * most))
    assert folded.cache_info().currsize <= most


def test_hundreds_of_thousands_of_groups_are_counted_whole() -> None:
    def name(n: int) -> str:
        return "".join(chr(ord("g") + int(digit)) for digit in str(n))

    errors = ErrorGroups(recent_from=0.0)
    many = 100_000
    errors.add(dead_job(n, f"E: {name(n)}", task=name(n), queue=name(n)) for n in range(many))
    groups = errors.groups()
    assert len(errors) == len(groups) == MOST_GROUPS + 1
    assert errors.dead_jobs == sum(group.count for group in groups) == many
    assert groups[0].is_rest
    assert groups[0].sample == f"job-{many - 1}"
    for group in groups:
        assert len(group.tasks) <= MOST_NAMES + 1
        assert sum(group.tasks.values()) == sum(group.queues.values()) == group.count
        assert len(group.recent) <= module.MOST_STEPS + 1


@given(st.text(max_size=3000))
def test_any_error_is_normalised_to_one_bounded_line(error: str) -> None:
    normalised = normalised_error(error)
    assert normalised
    assert len(normalised) <= 300
    assert "\n" not in normalised


def test_groups_count_and_say_when_what_and_where() -> None:
    errors = ErrorGroups()
    errors.add(dead_job(n, f"KeyError: {n}", queue="high" if n % 2 else "low") for n in range(5))
    errors.add([dead_job(9, "OSError: x", task="resize"), dead_job(10, None)])
    first, *others = errors.groups()
    assert (first.error, first.count, first.sample) == ("KeyError: N", 5, "job-4")
    assert (first.first_seen, first.last_seen) == (0.0, 4.0)
    assert dict(first.queues) == {"low": 3, "high": 2}
    assert {group.error: dict(group.tasks) for group in others} == {
        "OSError: x": {"shop.resize": 1},
        UNREADABLE: {"shop.send": 1},
    }
    assert errors.dead_jobs == 7


def test_the_filter_of_a_group_finds_the_rows_it_counted() -> None:
    texts = ("KeyError: 7", "OSError: no route", "OSError: No Route")
    rows = [dead_job(n, texts[n % 3]) for n in range(6)]
    errors = ErrorGroups()
    errors.add(rows)
    groups = errors.groups()
    assert [(group.error, group.count) for group in groups] == [
        ("OSError: no route", 4),
        ("KeyError: N", 2),
    ]
    for group in groups:
        found = parse(word("group", group.error))
        assert sum(found.matches(row, 0.0) for row in rows) == group.count


def test_malformed_dead_jobs_are_grouped_by_their_problem() -> None:
    payload = Payload(b"x", None, Trust.MALFORMED, "it is not JSON: line 1")
    errors = ErrorGroups()
    errors.add([Row(0, payload, Location.DEAD, "")])
    (group,) = errors.groups()
    assert (group.error, dict(group.tasks)) == ("it is not JSON: line N", {UNREADABLE: 1})


def test_memory_is_bounded_however_many_error_groups_there_are() -> None:
    def name(n: int) -> str:
        return "".join(chr(ord("g") + int(digit)) for digit in str(n))

    errors = ErrorGroups()
    errors.add(
        dead_job(n, f"E: {name(n)}", task=name(n), queue=name(n)) for n in range(MOST_GROUPS + 500)
    )
    groups = errors.groups()
    assert len(groups) == MOST_GROUPS + 1
    assert (groups[0].error, groups[0].count) == (OTHER, 500)
    assert len(groups[0].tasks) <= MOST_NAMES + 1
    assert groups[0].tasks[OTHER_NAMES] == groups[0].queues[OTHER_NAMES] == 500 - MOST_NAMES


@pytest.mark.parametrize("forged", [OTHER, OTHER.upper()])
def test_an_error_with_the_words_of_the_rest_is_a_group_of_its_own(forged: str) -> None:
    errors = ErrorGroups()
    errors.add(dead_job(n, forged) for n in range(2))
    (group,) = errors.groups()
    assert not group.is_rest
    errors.add(dead_job(n, "E: " + "x" * (1 + n)) for n in range(MOST_GROUPS // 10))
    errors.add(dead_job(n, "F: " + "y " * (1 + n % 100) + "z" * (n // 100)) for n in range(2500))
    (rest,) = (each for each in errors.groups() if each.is_rest)
    (own,) = (each for each in errors.groups() if each.error == forged and not each.is_rest)
    assert (rest.error, own.count) == (OTHER, 2)
    assert rest.key != own.key
    found = parse(word("group", own.error))
    assert found.matches(dead_job(0, forged), 0.0)


def test_the_former_name_of_the_filter_word_is_still_read() -> None:
    row = dead_job(1, "KeyError: 7")
    assert [parse(f'{name}:"KeyError: N"').matches(row, 0.0) for name in ("group", "cause")] == [
        True,
        True,
    ]
    assert not parse("cause:KeyError").matches(row, 0.0)
