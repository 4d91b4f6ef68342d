"""The cursor and the marks of a list hold to rows, not to positions."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from asok_console.tui.widgets.row_cursor import RowCursor
from asok_console.tui.widgets.row_window import RowWindow


def cursor_in(rows: str, start: int = 0, total: int | None = None) -> RowCursor[str]:
    """A cursor on the first of rows that are single characters, each its own key."""
    cursor = RowCursor(RowWindow[str](lambda row: row))
    load(cursor, rows, start, total)
    return cursor


def load(cursor: RowCursor[str], rows: str, start: int = 0, total: int | None = None) -> int:
    """Load other rows. Returns by how many rows the cursor shifted."""
    cursor.window.replace(start, start + len(rows) if total is None else total, rows)
    return cursor.follow()


def test_the_cursor_stops_at_both_ends() -> None:
    cursor = cursor_in("abc")
    assert not cursor.move_to(-1)
    assert (cursor.move_to(99), cursor.position, cursor.row) == (True, 2, "c")
    assert not cursor.move_to(3)


def test_the_cursor_of_an_empty_list_is_at_its_beginning() -> None:
    cursor = cursor_in("")
    assert not cursor.move_to(4)
    assert (cursor.position, cursor.row, cursor.key) == (0, None, None)


def test_the_cursor_follows_its_row_when_rows_shift() -> None:
    cursor = cursor_in("abcd")
    cursor.move_to(2)
    assert load(cursor, "xyabcd") == 2
    assert (cursor.position, cursor.row) == (4, "c")
    assert load(cursor, "cd") == -4
    assert (cursor.position, cursor.row) == (0, "c")


def test_the_cursor_keeps_its_position_when_its_row_is_gone() -> None:
    cursor = cursor_in("abcd")
    cursor.move_to(1)
    assert load(cursor, "acd") == 0
    assert (cursor.position, cursor.row, cursor.key) == (1, "c", "c")
    load(cursor, "a")
    assert (cursor.position, cursor.row) == (0, "a")


def test_a_row_that_is_not_read_yet_is_held_as_soon_as_it_is() -> None:
    cursor = cursor_in("abc", total=100)
    cursor.move_to(50)
    assert (cursor.row, cursor.key) == (None, None)
    load(cursor, "xyz", start=49, total=100)
    assert (cursor.row, cursor.key) == ("y", "y")


def test_a_row_that_was_held_is_found_again_after_the_list_was_cleared() -> None:
    cursor = cursor_in("abc")
    cursor.window.clear(total=3)
    cursor.restore(1, "c")
    load(cursor, "abc")
    assert (cursor.position, cursor.row) == (2, "c")


def test_a_pinned_cursor_is_on_the_first_row_until_it_is_moved() -> None:
    cursor = cursor_in("bcd")
    cursor.move_to(2)
    cursor.pin(None)
    load(cursor, "abcd")
    assert (cursor.position, cursor.row) == (0, "a")
    cursor.move_to(1)
    load(cursor, "zabcd")
    assert cursor.row == "b"


def test_a_cursor_pinned_to_a_key_waits_for_it_on_the_first_row() -> None:
    cursor = cursor_in("")
    cursor.pin("c")
    load(cursor, "ab")
    assert cursor.row == "a"
    load(cursor, "abc")
    assert cursor.row == "c"


def test_an_unpinned_cursor_holds_to_the_row_that_it_is_on() -> None:
    cursor = cursor_in("ab")
    cursor.pin(None)
    load(cursor, "ab")
    cursor.unpin()
    load(cursor, "zab")
    assert cursor.row == "a"


def test_a_cursor_is_lost_only_where_its_row_should_be() -> None:
    cursor = cursor_in("abcd")
    cursor.move_to(1)
    assert cursor.would_be_lost(0, "xyz")
    assert not cursor.would_be_lost(0, "xby")
    # Its position is not among these rows, so they are no proof.
    assert not cursor.would_be_lost(2, "xyz")


def test_marks_hold_to_rows() -> None:
    cursor = cursor_in("abc")
    assert cursor.toggle_mark()
    cursor.move_to(2)
    cursor.toggle_mark()
    load(cursor, "xabc")
    assert [row for row in "xabc" if cursor.is_marked(row)] == ["a", "c"]
    assert cursor.toggle_mark()
    assert list(cursor.marks) == ["a"]


def test_nothing_is_marked_where_there_is_no_row() -> None:
    assert not cursor_in("").toggle_mark()


def test_marking_several_unmarks_them_only_when_all_are_marked() -> None:
    cursor = cursor_in("abc")
    cursor.mark("ab")
    cursor.mark("bc")
    assert list(cursor.marks) == ["a", "b", "c"]
    cursor.mark("bc")
    assert list(cursor.marks) == ["a"]
    cursor.mark("")
    assert list(cursor.marks) == ["a"]


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("move"), st.integers(-3, 12)),
            st.tuples(st.just("load"), st.text("abcdefgh", max_size=8)),
            st.tuples(st.just("pin"), st.sampled_from([None, "a", "h"])),
            st.tuples(st.just("mark"), st.none()),
        ),
        max_size=20,
    )
)
def test_the_cursor_is_always_on_a_row_of_a_list_that_has_any(steps: list[tuple[str, Any]]) -> None:
    cursor = cursor_in("abcd")
    for step, argument in steps:
        before = cursor.key
        if step == "move":
            cursor.move_to(argument)
        elif step == "load":
            rows = "".join(dict.fromkeys(argument))
            load(cursor, rows)
            if before in set(rows) and not cursor._is_pinned:
                assert cursor.key == before
        elif step == "pin":
            cursor.pin(argument)
        else:
            cursor.toggle_mark()
        assert (cursor.row is None) is (not cursor.window.total)
        assert cursor.row == cursor.key
