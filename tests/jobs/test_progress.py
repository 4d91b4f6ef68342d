"""Reports of progress as records hold them, whatever another program wrote there."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from asok_core.jobs.progress import (
    LONGEST_NOTE,
    JobProgress,
    as_kept,
    checked,
    decoded,
    encoded,
    reported_by,
)

GOOD = JobProgress(40, 100, "page 3", 12.5)


def test_a_report_comes_back_as_it_was() -> None:
    lines = [
        encoded("1.000000", GOOD),
        encoded("2.500000", JobProgress(0.5, None, "\ud800\n", 3.0)),
    ]
    found = decoded("\n".join(lines))
    assert found == {1.0: GOOD, 2.5: JobProgress(0.5, None, "\ud800\n", 3.0)}
    assert lines[1].count("\n") == 0
    assert reported_by(found, 1.0) == GOOD
    assert reported_by(found, 1.5) is None
    assert reported_by(found, None) is None


@pytest.mark.parametrize(
    "line",
    [
        "",
        "x",
        "[]",
        "{}",
        '["1", 2, 3, 4]',
        '["1", 2, 3, 4, 5]',
        '["x", 2, 3, 4, ""]',
        '["1", 2, -3, 4, ""]',
        '["1", 2, NaN, 4, ""]',
        '["1", 2, 1e400, 4, ""]',
        '["1", 2, true, 4, ""]',
        '["1", 2, "3", 4, ""]',
        '["1", 2, null, 4, ""]',
        '["1", 2, 3, [], ""]',
        '["1", 2, 3, -4, ""]',
        f'["1", 2, {"9" * 5000}, 4, ""]',
        "[" * 100_000,
    ],
    ids=lambda line: line[:40],
)
def test_an_invalid_line_is_left_out(line: str) -> None:
    good = encoded("1.000000", GOOD)
    assert decoded(f"{line}\n{good}") == {1.0: GOOD} or len(line) > 65_536
    assert decoded(line) == {}


@pytest.mark.parametrize("text", [None, 1, b"x", "x" * 100_000], ids=["None", "1", "bytes", "long"])
def test_what_is_not_a_text_of_bounded_size_has_no_reports(text: object) -> None:
    assert decoded(text) == {}


def test_numbers_of_other_libraries_are_taken() -> None:
    class Index:
        def __index__(self) -> int:
            return 3

    assert checked(Index(), Decimal("4.5"), "", 1.0)[:2] == (3, 4.5)
    assert json.loads(encoded("1", checked(Index(), Decimal("4.5"), "", 1.0)))[2:4] == [3, 4.5]


def test_subclasses_run_no_code_of_their_own_later() -> None:
    class TextWithCode(str):
        __slots__ = ()

        def __getitem__(self, _: object) -> Any:
            return 7

    class Amount(int):
        def __repr__(self) -> str:
            return "]"

    report = checked(Amount(3), None, TextWithCode("page"), 1.0)
    assert [type(each) for each in report[:3]] == [int, type(None), str]
    assert encoded("1", report) == '["1",1.0,3,null,"page"]'


def test_a_note_is_hidden_before_it_is_cut() -> None:
    long = JobProgress(1, None, "x " * (LONGEST_NOTE // 2 - 2) + "s3cret")
    note = as_kept(long, lambda text: text.replace("s3cret", "***")).note
    assert note.endswith("x ***")
    assert len(note) <= LONGEST_NOTE
