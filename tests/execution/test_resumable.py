"""``resumable``: where it begins, what it asks its source for and when, and where it cannot continue."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from asok_core import JobFailed, Settings, background, configure, current_job, resumable


@pytest.fixture(autouse=True)
def eager() -> Iterator[None]:
    configure(Settings(queue_backend="eager"))
    yield
    configure()


def attempts(
    *sources: Any, key: Callable[[Any], Any] | str | None = None, stop: int = 2
) -> list[Any]:
    """The items that attempts get of their sources; each but the last fails at item ``stop``."""
    found: list[Any] = []

    def iterate() -> None:
        attempt = current_job().attempt
        for number, item in enumerate(resumable(sources[attempt - 1], key), 1):
            found.append(item)
            if attempt < len(sources) and number == stop:
                raise ConnectionError("no luck")

    background(iterate, _retries=len(sources) - 1, _backoff=0).result()
    return found


def test_it_begins_with_the_item_that_was_not_done() -> None:
    assert attempts("abcd", "abcd") == ["a", "b", "b", "c", "d"]
    assert attempts("abcd", "abcd", "abcd") == ["a", "b", "b", "c", "c", "d"]
    assert attempts("abcd", "abcd", stop=1) == ["a", "a", "b", "c", "d"]
    assert attempts((), ()) == []


def test_by_key_what_came_before_may_have_changed() -> None:
    def upper(item: str) -> str:
        return item.upper()

    assert attempts("abcd", "xyabcde", key=upper) == ["a", "b", "b", "c", "d", "e"]
    rows = [SimpleNamespace(id=number) for number in (5, 3, 8)]
    assert attempts(rows, rows[:], key="id") == [rows[0], rows[1], rows[1], rows[2]]
    assert attempts([{"id": None}, {"id": 2}], [{"id": None}, {"id": 2}], key="id")[2:] == [
        {"id": 2}
    ]


def test_where_nothing_is_left_it_has_no_items() -> None:
    def iterate() -> int:
        items = list(resumable("ab"))
        if current_job().attempt == 1:
            raise ConnectionError("after the loop")
        return len(items)

    assert background(iterate, _retries=1, _backoff=0).result() == 0


@pytest.mark.parametrize(
    ("sources", "keys", "error"),
    [
        (("abcd", "xyz"), (str, str), "LookupError: no item has the key of the last one"),
        (("abcd", "xyz"), (str, "real"), "AttributeError: 'str' object has no attribute 'real'"),
        (("abcd", ""), (None, None), "LookupError: the checkpoint is after item 1, and the"),
        (("abcd", "abcd"), (None, str), "ValueError: the checkpoint of this job was made without a key"),
        (("abcd", "abcd"), (str, None), "ValueError: the checkpoint of this job was made with a key"),
        (("abcd", 5), (None, None), "TypeError: 'int' object is not iterable"),
        ((["a", "b"], "ab"), (set, set), "TypeError: cursor.after is a set, which JSON cannot encode"),
    ],
    ids=range(7),
)  # fmt: skip
def test_where_it_cannot_continue_the_job_fails(
    sources: tuple[Any, ...], keys: tuple[Any, ...], error: str
) -> None:
    def iterate() -> None:
        attempt = current_job().attempt - 1
        for number, _ in enumerate(resumable(sources[attempt], keys[attempt]), 1):
            if number == 2:
                raise ConnectionError("no luck")

    with pytest.raises(JobFailed) as caught:
        background(iterate, _retries=1, _backoff=0).result()
    assert str(caught.value).startswith(error)


@pytest.mark.parametrize("cursor", [3, {"done": "all"}, {"done": -1}, {"after": 1, "done": 1}])
def test_it_does_not_take_a_checkpoint_of_another_kind(cursor: object) -> None:
    def iterate() -> None:
        if current_job().attempt == 1:
            current_job().checkpoint(cursor)
            raise ConnectionError("no luck")
        list(resumable("abc"))

    with pytest.raises(
        JobFailed, match=r"was made by current_job\(\).checkpoint\(\); edit and requeue"
    ):
        background(iterate, _retries=1, _backoff=0).result()


def test_the_next_item_is_read_after_the_checkpoint_of_the_one_before() -> None:
    seen: list[Any] = []

    def rows() -> Iterator[int]:
        for number in range(3):
            seen.append(current_job().cursor)
            yield number

    background(lambda: list(resumable(rows())))
    assert seen == [None, {"done": 1}, {"done": 2}]


def test_an_item_that_the_task_changes_has_the_key_that_it_had() -> None:
    def iterate() -> Any:
        for row in resumable([{"id": 1}, {"id": 2}], "id"):
            if row["id"] == 2:
                return current_job().cursor
            row.clear()
        return None

    assert background(iterate).result() == {"after": 1}


def test_a_loop_that_is_left_has_not_done_its_item() -> None:
    def iterate() -> Any:
        for _ in resumable("abc"):
            break
        return current_job().cursor

    assert background(iterate).result() is None
