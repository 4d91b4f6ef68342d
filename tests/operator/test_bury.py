"""Dead letters of an export come back as they were, once."""

from __future__ import annotations

from tests.fixtures.bench import STRANGER, Bench, foreign_letter, letter


def test_bury_puts_letters_back_byte_for_byte_and_once(bench: Bench) -> None:
    letters = bench.die(*(bench.job() for _ in range(700)))
    letters += [foreign_letter(bench.job(), 5.0), b"\xff\x00 garbage"]
    bench.client.lpush("asok:dlq", *letters[700:])
    bench.client.ltrim("asok:dlq", 0, 99)
    result = bench.operator.bury([*letters, letters[0]])
    assert (result.applied, result.skipped) == (
        602,
        {"among the dead letters already": 101},
    )
    assert sorted(bench.dead()) == sorted(letters)
    assert bench.operator.bury(letters).applied == 0


def test_bury_refuses_bad_signatures_and_jobs_under_way(bench: Bench) -> None:
    forged = letter(bench.job(), 1.0, STRANGER)
    ours, theirs = bench.job(), bench.job()
    bench.client.hset("asok:job:" + ours.id, "status", "running")
    bench.client.expire("asok:job:" + ours.id, 60)
    bench.client.set("asok:job:" + theirs.id, '{"status": "retrying"}', ex=60)
    result = bench.operator.bury([forged, letter(ours, 2.0), letter(theirs, 3.0)])
    assert result.applied == 0
    assert result.refused == {"bad signature": 1, "its job is on its way again": 2}
    assert bench.operator.bury([forged], trust=True).applied == 1
