"""Limits as text."""

from __future__ import annotations

import pytest

from asok_core.jobs.limits import Limit, bucket_of, identity_of, parse_limit


@pytest.mark.parametrize(
    ("text", "limit", "canonical"),
    [
        ("4 at once", Limit(4), "4 at once"),
        (" At most  4 at once ", Limit(4), "4 at once"),
        ("100/minute", Limit(0, 100, 60.0, 2), "100/minute"),
        ("100 per minute", Limit(0, 100, 60.0, 2), "100/minute"),
        ("at most 100 / min", Limit(0, 100, 60.0, 2), "100/minute"),
        ("5/s, burst 20", Limit(0, 5, 1.0, 20), "5/second, burst 20"),
        ("5/second, burst 5", Limit(0, 5, 1.0, 5), "5/second"),
        ("1/d", Limit(0, 1, 86_400.0, 1), "1/day"),
        ("10 per hours", Limit(0, 10, 3_600.0, 1), "10/hour"),
        ("burst 3,100/h,4 at once", Limit(4, 100, 3_600.0, 3), "4 at once, 100/hour, burst 3"),
        ("1000000/day, burst 1", Limit(0, 1_000_000, 86_400.0, 1), "1000000/day, burst 1"),
    ],
)
def test_a_limit_is_read_and_written(text: str, limit: Limit, canonical: str) -> None:
    assert parse_limit(text) == limit
    assert limit.text == canonical
    assert parse_limit(canonical) == limit


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "limit '' must be '4 at once', '100/minute' or '5/second, burst 20'"),
        ("4 at onec", "; did you mean 4 at once?"),
        ("100/minuet", "; did you mean 100/minute?"),
        ("100 per 5 minutes", "limit '100 per 5 minutes' must be "),
        ("4 at once,", "limit '4 at once,' must be "),
        ("0 at once", "has the number 0; it must be from 1 to 1,000,000"),
        ("1000001/s", "has the number 1000001"),
        ("4 at once, 5 at once", "states the same twice"),
        ("burst 4", "has a burst without a rate"),
        ("٤ at once", "must be '4 at once'"),
        ("9" * 5_000, "…' must be '4 at once'"),
        ("4 at once\n", None),
    ],
)
def test_another_text_is_refused_with_what_is_allowed(text: str, message: str | None) -> None:
    if message is None:
        assert parse_limit(text) == Limit(4)
        return
    with pytest.raises(ValueError, match=r"^limit ") as raised:
        parse_limit(text)
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)
    assert len(str(raised.value)) < 250


def test_the_interval_is_that_of_the_steady_rate() -> None:
    assert parse_limit("100/minute").interval == pytest.approx(0.6)
    assert parse_limit("1/day").interval == 86_400
    assert Limit(4).interval == 0


def test_a_bucket_is_named_by_the_identity_and_the_value() -> None:
    task = identity_of(task="shop.charge")
    keyed = identity_of(task="shop.charge", key="kwargs.account_id")
    assert task == "task:shop.charge"
    assert keyed == "task:shop.charge by kwargs.account_id"
    assert identity_of(queue="mail") == "queue:mail"
    assert bucket_of("queue:mail") == "limit-50677d0d03f4a32d"
    names = {bucket_of(task), bucket_of(keyed, "17"), bucket_of(keyed, '"17"'), bucket_of("\ud800")}
    assert len(names) == 4
