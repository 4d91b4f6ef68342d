"""Which rows of a long list are in memory, and which are read next."""

from __future__ import annotations

import pytest

from asok_console.tui.widgets.row_window import RowRange, RowRequests, RowWindow


def window_of(start: int, total: int, rows: str) -> RowWindow[str]:
    """A window whose rows are single characters, each its own key."""
    window = RowWindow[str](lambda row: row)
    window.replace(start, total, rows)
    return window


def test_rows_are_found_by_their_position_and_by_their_key() -> None:
    window = window_of(3, 10, "abc")
    assert [window.row_at(position) for position in range(2, 7)] == [None, "a", "b", "c", None]
    assert [window.find_key(key) for key in "acz"] == [3, 5, None]


@pytest.mark.parametrize(
    ("first", "last", "held"), [(3, 6, True), (4, 5, True), (2, 5, False), (4, 7, False)]
)
def test_a_range_is_held_when_all_its_rows_are_loaded(first: int, last: int, held: bool) -> None:
    assert window_of(3, 10, "abc").holds(first, last) is held


def test_a_range_beyond_the_end_is_held_as_far_as_there_are_rows() -> None:
    assert window_of(0, 3, "abc").holds(0, 50)


def test_an_empty_list_is_held_once_it_was_read() -> None:
    window = RowWindow[str](lambda row: row)
    assert not window.holds(0, 50)
    window.replace(0, 0, ())
    assert window.holds(0, 50)
    window.clear(total=7)
    assert not window.holds(0, 50)
    assert (window.total, window.loaded, window.row_at(0)) == (7, (), None)


def test_a_window_keeps_its_rows_when_the_list_they_came_from_changes() -> None:
    rows = ["a", "b"]
    window = RowWindow[str](lambda row: row)
    window.replace(0, 2, rows)
    rows.clear()
    assert window.row_at(1) == "b"


def test_visible_rows_are_requested_before_those_around_them() -> None:
    window = window_of(0, 1000, "")
    requests = RowRequests(window)
    assert requests.next(500, 520, 80) == RowRange(500, 20)
    window.replace(500, 1000, "x" * 20)
    assert requests.next(500, 520, 80) == RowRange(420, 180)


def test_the_same_rows_are_not_requested_twice_unless_they_are_reloaded() -> None:
    requests = RowRequests(window_of(0, 1000, ""))
    assert requests.next(0, 20, 80) is not None
    assert requests.next(0, 20, 80) is None
    assert requests.next(0, 20, 80, again=True) == RowRange(0, 20)


def test_nothing_is_requested_while_the_next_page_is_loaded() -> None:
    requests = RowRequests(window_of(0, 1000, "x" * 100))
    assert requests.next(0, 20, 80) is None
    assert requests.next(60, 80, 80) is None
    assert requests.next(70, 90, 80) == RowRange(0, 170)
    # What a refresh reads is still known.
    assert requests.needed == RowRange(0, 170)


def test_a_list_that_is_shown_whole_requests_nothing() -> None:
    requests = RowRequests(window_of(0, 3, "abc"))
    requests.next(0, 20, 80)
    requests.is_complete = True
    assert requests.next(0, 20, 80, again=True) is None
    assert requests.needed is None
    requests.clear()
    assert requests.next(0, 20, 80, again=True) is not None


def test_a_list_without_room_needs_nothing() -> None:
    requests = RowRequests(window_of(0, 1000, ""))
    requests.next(0, 20, 80)
    requests.suspend()
    assert requests.needed is None


def test_a_row_that_new_ones_pushed_out_is_read_where_it_went() -> None:
    window = window_of(0, 100, "abcde")
    requests = RowRequests(window)
    requests.next(0, 5, 0)
    # Thirty new rows at the top.
    assert requests.follow(0, 130, 5, lost=True) == RowRange(30, 5)
    assert requests.needed == requests.moved == RowRange(30, 5)
    # An answer to the earlier request is of no use any longer.
    assert requests.is_outdated(0, 130, lost=True)
    assert not requests.is_outdated(30, 130, lost=False)
    # The row is there, or is gone for good: either way what was read is shown.
    assert requests.follow(30, 130, 5, lost=False) is None
    assert requests.moved is None


def test_a_row_that_is_gone_for_good_is_looked_for_once() -> None:
    window = window_of(0, 100, "abcde")
    requests = RowRequests(window)
    assert requests.follow(0, 110, 5, lost=True) == RowRange(10, 5)
    assert not requests.is_outdated(10, 110, lost=True)
    assert requests.follow(10, 110, 5, lost=True) is None
    # The list did not grow: nothing pushed it out, so it is gone.
    window.replace(10, 110, "vwxyz")
    assert requests.follow(10, 110, 5, lost=True) is None


def test_a_list_that_shrank_meanwhile_is_shown_though_the_row_is_not_where_it_was_expected() -> (
    None
):
    requests = RowRequests(window_of(0, 100, "abcde"))
    requests.follow(0, 110, 5, lost=True)
    assert not requests.is_outdated(0, 8, lost=True)
