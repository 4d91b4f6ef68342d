"""What is read of a pause, and how it is written."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import pytest

from asok_core.errors import UsageError
from asok_core.inspection.moments import read_moment_to_come
from asok_core.inspection.pauses import (
    LARGEST_PAUSE,
    LONGEST_REASON,
    QueuePause,
    cleaned_reason,
    moment,
    pause_of,
    pause_words,
    short_moment,
)

NOW = 1_700_000_000.0
"""2023-11-14 22:13:20 UTC."""


@pytest.fixture
def in_utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patched:
        patched.setenv("TZ", "UTC")
        time.tzset()
        yield
    time.tzset()


def test_any_field_of_the_hash_is_read_as_far_as_it_can_be() -> None:
    assert pause_of(b'{"by": "ann", "at": "2", "since": "1", "until": "3", "operation": "op"}') == (
        QueuePause("ann", 2.0, 1.0, "", 3.0, "op")
    )
    assert pause_of(b'{"by": 1, "at": [], "until": "1e999", "reason": null}') == QueuePause()
    # No worker ends a pause with such an end (``tests/backends/redis/operating/test_pauses.py``).
    assert pause_of(b'{"at": 2, "since": 1, "until": 3}') == QueuePause(at=2.0, since=1.0)
    long = json.dumps({"reason": "x" * 1000}).encode()
    found = pause_of(long)
    assert found is not None
    assert found.reason == "x" * LONGEST_REASON
    for value in (None, b"", b"word", b"[]", b"\xff", b"{" * LARGEST_PAUSE, "{}"):
        assert pause_of(value) is None


@pytest.mark.parametrize(
    ("pause", "words"),
    [
        (None, ""),
        (QueuePause(), ""),
        (QueuePause("ann", reason="bank down"), " by ann: bank down"),
        (QueuePause("ann", until=NOW + 60), " until 22:14:20 UTC by ann"),
        (QueuePause(until=NOW + 86_400, reason="x"), " until 2023-11-15 22:13:20 UTC: x"),
        (QueuePause(until=NOW - 2), " until 22:13:18 UTC"),
        (
            QueuePause("ann", until=NOW - 60),
            " until 22:12:20 UTC, which has passed, and no worker has resumed it, by ann",
        ),
    ],
)
def test_the_words_after_paused(pause: QueuePause | None, words: str) -> None:
    assert pause_words(pause, NOW) == words


def test_a_replica_without_its_master_does_not_know_whether_a_pause_has_ended() -> None:
    assert pause_words(QueuePause("ann", until=NOW - 60), NOW, current=False) == (
        " until 22:12:20 UTC, which has passed, and whether it was resumed is not known, by ann"
    )
    assert pause_words(QueuePause(until=NOW + 60), NOW, current=False) == " until 22:14:20 UTC"


def test_moments() -> None:
    assert moment(1e30, NOW) == "a time that cannot be shown"
    assert moment(NOW, None) == "2023-11-14 22:13:20 UTC"
    assert short_moment(NOW, NOW) == "22:14 UTC", "the next whole minute: it is over then"
    assert short_moment(NOW + 86_400, NOW) == "2023-11-15"


def test_a_reason_is_one_line_of_bounded_length() -> None:
    assert cleaned_reason(" bank\n\tdown ") == "bank down"
    assert cleaned_reason("\ud800x") == "?x"
    with pytest.raises(UsageError, match="at most 200 are kept"):
        cleaned_reason("x" * (LONGEST_REASON + 1))


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("22:14", NOW + 40),
        ("22:13", NOW - 20 + 86_400),
        ("today 23:00", NOW + 2_800),
        ("tomorrowT22:13:20", NOW + 86_400),
        ("2023-11-15", NOW + 6_400),
        ("2023-11-14t22:14z", NOW + 40),
        ("2023-11-14T23:14+01:00", NOW + 40),
    ],
)
@pytest.mark.usefixtures("in_utc")
def test_a_moment_to_come(text: str, at: float) -> None:
    assert read_moment_to_come(text, NOW) == at


@pytest.mark.parametrize("text", ["", "2h", "yesterday", "today", "25:00", "x", "9" * 40])
def test_what_is_no_moment_to_come(text: str) -> None:
    with pytest.raises(ValueError, match="is not a moment, as in 15:00"):
        read_moment_to_come(text, NOW)


def test_a_moment_that_has_passed() -> None:
    with pytest.raises(ValueError, match="has passed by the clock of Redis"):
        read_moment_to_come("2023-11-14T22:13:20Z", NOW)
