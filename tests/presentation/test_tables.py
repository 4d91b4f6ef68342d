from __future__ import annotations

import io
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asok_console.presentation.tables import (
    TextColumn,
    TextStyles,
    cells,
    fit,
    id_column,
    table,
    terminal_width,
)
from tests.pseudo_terminal import TypedText

COLUMNS = (TextColumn("NAME", shrinks=True), TextColumn("N", right=True))


def test_numbers_are_right_aligned_below_their_titles() -> None:
    assert table(COLUMNS, [("high", "5"), ("default", "1,200")], 40) == [
        "NAME         N",
        "high         5",
        "default  1,200",
    ]


def test_only_shrinkable_columns_are_cut() -> None:
    lines = table(COLUMNS, [("a-very-long-name-of-a-queue", "1,200")], 16)
    assert lines[1] == "a-very-l…  1,200"


def test_wide_characters_count_twice() -> None:
    assert cells("日本") == 4
    assert fit("日本語", 4) == "日…"
    assert table(COLUMNS, [("日本", "1"), ("ab", "2")], 40)[1:] == ["日本  1", "ab    2"]


def test_names_that_are_cut_stay_distinct() -> None:
    columns = (TextColumn("QUEUE", shrinks=True, names=60), TextColumn("N", right=True))
    names = [f"tenant-{'0' * 60}-{number}-{'invoices' * 9}" for number in range(20)]
    for width in (80, 40, 20):
        lines = table(columns, [(name, "1") for name in names], width)
        assert len(set(lines)) == 21, lines
        assert max(map(cells, lines)) <= width
        assert max(len(line.split()[0]) for line in lines) <= 60


def test_ids_are_never_cut() -> None:
    columns = (
        id_column("ID"),
        TextColumn("QUEUE", names=30),
        TextColumn("ERROR", shrinks=True),
        TextColumn("WORKER", shrinks=True, names=60, keeps=60),
    )
    ids = [str(uuid.UUID(int=number)) for number in range(5)]
    worker = f"{'h' * 40}-1234567-00ff"
    rows = [(each, "q" * 50, "E" * 200, worker) for each in ids]
    for width in (200, 118, 100, 80, 40):
        lines = table(columns, rows, width)[1:]
        assert [line.split()[0] for line in lines] == ids
        assert {line.split()[-1] for line in lines} == {worker}
        # Where the ids leave no room, the other columns have their least width.
        assert max(map(cells, lines)) <= max(width, 36 + 2 + 4 + 2 + 4 + 2 + len(worker))


@given(
    st.lists(st.tuples(st.text(max_size=60), st.text(max_size=30)), max_size=5),
    st.integers(min_value=12, max_value=120),
)
def test_no_line_is_wider_than_the_terminal(rows: list[tuple[str, str]], width: int) -> None:
    safe_rows = [tuple(cell.replace("\n", " ") for cell in row) for row in rows]
    for columns in (COLUMNS, (COLUMNS[0]._replace(names=30), COLUMNS[1])):
        for line in table(columns, safe_rows, width):
            assert cells(line) <= width


def test_colours_only_if_requested(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    assert TextStyles(TypedText()).bold("x") == "\x1b[1mx\x1b[0m"
    assert TextStyles(io.StringIO()).bold("x") == "x"
    monkeypatch.setenv("NO_COLOR", "1")
    assert TextStyles(TypedText()).dim("x") == "x"


def test_a_pipe_has_a_default_width(monkeypatch: pytest.MonkeyPatch) -> None:
    assert terminal_width(io.StringIO()) == 100
    monkeypatch.setenv("COLUMNS", "63")
    assert terminal_width(io.StringIO()) == 63
