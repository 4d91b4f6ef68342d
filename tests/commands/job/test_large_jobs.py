"""Jobs that the commands find and list: large ones, and by the beginning of an id."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from asok_core.jobs.envelope import dead_entry, seal
from tests.fixtures.bench import KEYRING, Bench
from tests.fixtures.command_line import Ran
from tests.tui import seed

Asok = Callable[..., Ran]
BIG = "x" * 60_000


def die(bench: Bench, n: int, *args: object) -> None:
    job = replace(seed.job(n), args=args, kwargs={})
    error = f"ValueError: order {n}"
    bench.client.lpush(
        seed.KEYS.dead,
        dead_entry(seal(job, KEYRING), failed_at=1000.0 + n, error=error, traceback="T\n" * 9000),
    )


def test_large_dead_jobs_are_listed_filtered_and_requeued(bench: Bench, asok: Asok) -> None:
    for n in range(3):
        die(bench, n, BIG, f"needle-{n}")
    listed = asok("dlq", "list", "--json").document["dead_letters"]
    assert [each["id"] for each in listed] == [seed.job_id(n) for n in (2, 1, 0)]
    assert [each["error"] for each in listed] == [f"ValueError: order {n}" for n in (2, 1, 0)]
    assert all(each["size"] > 60_000 and " KiB: " in each["call"] for each in listed)
    found = asok("dlq", "list", "--json", "--filter", "arg:needle-1").document["dead_letters"]
    assert [each["id"] for each in found] == [seed.job_id(1)]
    assert asok("dlq", "requeue", "--filter", "arg:needle-1 error:order", "--dry-run").code == 0
    assert asok("dlq", "requeue", "--filter", "arg:needle-1 error:order", "--yes").code == 0
    assert asok("dlq", "purge", "--id", seed.job_id(2), "--yes").code == 0
    assert [each["id"] for each in asok("dlq", "list", "--json").document["dead_letters"]] == [
        seed.job_id(0)
    ]


def test_a_job_is_shown_by_the_unique_beginning_of_its_id(bench: Bench, asok: Asok) -> None:
    for n in (1, 2, 0x20):
        die(bench, n, "a")
        seed.record(bench.client, n, "failed", 1000.0, error="E")
        bench.client.lpush(seed.KEYS.recent, seed.job_id(n))
    shown = asok("job", "show", seed.job_id(0x20)[:8], "--json")
    assert shown.document["id"] == seed.job_id(0x20)
    several = asok("job", "show", "000000")
    assert several.code == 2
    assert "3 jobs have ids that begin with '000000'" in several.err
    assert asok("job", "show", "7777").code == 1


def test_a_whole_id_is_not_the_beginning_of_another(bench: Bench, asok: Asok) -> None:
    # Ids of other programs may be as short as a beginning that is typed.
    for name in ("0000beef", "0000beef1"):
        bench.client.lpush(seed.KEYS.queue("default"), seal(replace(seed.job(1), id=name), KEYRING))
        bench.client.hset(f"asok:job:{name}", mapping={"status": "pending", "function": "a.b"})
        bench.client.expire(f"asok:job:{name}", 600)
    assert asok("job", "show", "0000beef", "--json").document["id"] == "0000beef"
    assert asok("job", "show", "0000bee").code == 2


def test_the_last_error_of_a_delayed_job_is_searched(bench: Bench, asok: Asok) -> None:
    job = replace(seed.job(5, retry_count=1), args=(BIG,))
    bench.client.zadd(seed.KEYS.delayed, {seal(job, KEYRING): 5e9})
    seed.record(bench.client, 5, "retrying", 1000.0, error="OSError: disk")
    found = asok("job", "list", "--state", "delayed", "--filter", "error:disk", "--json").document
    assert [each["id"] for each in found["jobs"]] == [seed.job_id(5)]
