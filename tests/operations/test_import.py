"""Dead jobs of an export come back as they were, once."""

from __future__ import annotations

from tests.fixtures.bench import STRANGER, Bench, dead_job, foreign_dead_job


def test_dead_jobs_import_puts_dead_jobs_back_byte_for_byte_and_once(bench: Bench) -> None:
    dead_jobs = bench.add_dead(*(bench.job() for _ in range(700)))
    dead_jobs += [foreign_dead_job(bench.job(), 5.0), b"\xff\x00 garbage"]
    bench.client.lpush("asok:dlq", *dead_jobs[700:])
    bench.client.ltrim("asok:dlq", 0, 99)
    result = bench.operator.import_dead([*dead_jobs, dead_jobs[0]])
    assert (result.applied, result.skipped) == (
        602,
        {"among the dead jobs already": 101},
    )
    assert sorted(bench.dead()) == sorted(dead_jobs)
    assert bench.operator.import_dead(dead_jobs).applied == 0


def test_an_import_refuses_bad_signatures_and_jobs_under_way(bench: Bench) -> None:
    forged = dead_job(bench.job(), 1.0, STRANGER)
    ours, theirs = bench.job(), bench.job()
    bench.client.hset("asok:job:" + ours.id, "status", "running")
    bench.client.expire("asok:job:" + ours.id, 60)
    bench.client.set("asok:job:" + theirs.id, '{"status": "retrying"}', ex=60)
    result = bench.operator.import_dead([forged, dead_job(ours, 2.0), dead_job(theirs, 3.0)])
    assert result.applied == 0
    assert result.refused == {"bad signature": 1, "its job is on its way again": 2}
    assert bench.operator.import_dead([forged], trust=True).applied == 1
