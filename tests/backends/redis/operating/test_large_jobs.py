"""Operations on large jobs delay no other client: a script reads few of them, however many there are."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha1

from asok_core.backends.redis.lua_names import resolved
from asok_core.backends.redis.scripts import needs_of, source
from asok_core.backends.roles import Scope
from asok_core.jobs.states import Location
from tests.fixtures.bench import Bench

COUNT, BYTES = 200, 300_000
END = "the end of what is watched"


@contextmanager
def watched_scripts(bench: Bench) -> Iterator[list[int]]:
    """How many elements scripts ask for at once, by LRANGE or one after another; known after the body."""
    asked: list[int] = []
    follows = None
    with bench.client.monitor() as monitor:
        yield asked
        bench.client.echo(END)
        while END not in (seen := monitor.next_command())["command"]:
            verb, *arguments = seen["command"].split(" ")
            if seen["client_type"] != "lua":
                continue
            if verb.upper() == "LRANGE":
                first, last = map(int, arguments[-2:])
                asked.append(min(last - first + 1, COUNT))
            elif verb.upper() == "LINDEX":
                if int(arguments[-1]) == follows:
                    asked[-1] += 1
                else:
                    asked.append(1)
                follows = int(arguments[-1]) + 1


def large(bench: Bench) -> list[bytes]:
    return bench.add_pending(*(bench.job(args=("x" * BYTES,)) for _ in range(COUNT)))


def test_a_purge_of_a_whole_queue_looks_at_each_job_but_once(bench: Bench) -> None:
    large(bench)
    with watched_scripts(bench) as asked:
        assert bench.operator.purge(Scope(Location.PENDING, queue="default")).applied == COUNT
    assert asked
    # Each is read once for its record and again to change that, a few at a time.
    assert max(asked) <= 16


def find(bench: Bench, raw: bytes, seen_at: int) -> int | None:
    """Where scripts find an element of a queue that was seen at an index from the consuming end."""
    needed = needs_of("-- needs: take")
    fragments = "\n".join(source("fragments", each) for each in needed)
    end = "\nlocal at = tonumber(ARGV[2])\nreturn find(ARGV[1], at, at, { ARGV[3] })[1]"
    found: int | None = bench.client.eval(
        resolved(fragments) + end,
        0,
        "asok:queue",
        seen_at,
        f"{sha1(raw).hexdigest()}0",
    )
    return found


def test_a_job_that_is_gone_is_not_looked_for_among_all_others(bench: Bench) -> None:
    jobs = large(bench)
    with watched_scripts(bench) as asked:
        assert find(bench, jobs[100], -101) == -101
    assert asked == [1]
    # Workers took some, or returned some.
    for moved in (-10, -1, 1, 10):
        assert find(bench, jobs[100], -101 + moved) == -101
    gone = bench.client.lrange("asok:queue", 99, 99)[0]
    bench.client.lrem("asok:queue", 1, gone)
    with watched_scripts(bench) as asked:
        assert find(bench, gone, -101) is None
    assert sum(asked) < COUNT / 2
    assert max(asked) <= 16


def test_small_jobs_are_looked_for_much_further(bench: Bench) -> None:
    jobs = bench.add_pending(*(bench.job() for _ in range(2500)))
    for moved in (-900, 0, 900):
        assert find(bench, jobs[1200], -1201 + moved) == -1201
    assert find(bench, jobs[1200], -1) is None
