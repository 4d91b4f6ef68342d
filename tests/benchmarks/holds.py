"""``python -m tests.benchmarks.holds``: what holds cost a drain that they match no job of.

In each round the same drain is measured with each number of holds, one after the other, so that what else
the machine does reaches all of them; the next round begins with another. The table has the medians.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Mapping, Sequence
from contextlib import closing

from asok_console.demo.embedded import EmbeddedRedis
from asok_core.backends.redis.connection import Endpoint
from asok_core.backends.redis.keys import Keys
from asok_core.backends.redis.operating.operator import RedisOperator
from asok_core.inspection.hold_conditions import Condition, parse_condition
from asok_core.inspection.holds import MOST_HOLDS, Hold
from asok_core.jobs.keyring import Keyring
from tests.benchmarks.cases import CaseSize, drained
from tests.benchmarks.catalogue import PEERS
from tests.benchmarks.stage import PeerStage
from tests.servers import tcp_url

TASK = "tests.benchmarks.tasks.mark"
OTHER = "tests.benchmarks.tasks.other"


def other(count: int) -> Sequence[Hold]:
    """Holds of a task that no job has."""
    return [Hold("", task=OTHER)] * count


def by_argument(count: int) -> Sequence[Hold]:
    """Holds of the task of all jobs, by arguments that none has."""
    none: tuple[Condition, ...] = (parse_condition("account.id=17"), parse_condition("0=7"))
    return [Hold("", task=TASK, conditions=none)] * count


CASES: Mapping[str, Sequence[Hold]] = {
    "no hold": (),
    "1 hold of another task": other(1),
    f"{MOST_HOLDS} holds of another task": other(MOST_HOLDS),
    f"{MOST_HOLDS} holds of its task, by arguments": by_argument(MOST_HOLDS),
}


def drain(url: str, holds: Sequence[Hold], size: CaseSize) -> float:
    """Jobs per second of one process with ten threads."""
    with (
        PeerStage(PEERS[0], url) as stage,
        closing(RedisOperator(Endpoint(url), Keys(), Keyring(b"0" * 32))) as operator,
    ):
        for each in holds:
            operator.add_hold(each)
        with drained(stage, 1, size) as (_, figures):
            return float(figures["drain"])


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.holds", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--share", type=float, default=1.0, help="of 20,000 jobs a drain [1]")
    options = parser.parse_args()
    found: dict[str, list[float]] = {name: [] for name in CASES}
    names = list(CASES)
    with EmbeddedRedis(port=0) as server:
        for number in range(options.rounds):
            at = number % len(names)
            for name in names[at:] + names[:at]:
                rate = drain(tcp_url(server), CASES[name], CaseSize(options.share))
                found[name].append(rate)
    write(found)


def write(found: Mapping[str, Sequence[float]]) -> None:
    """Medians, and those of the ratios to the drain without holds of the same round."""
    sys.stdout.write("| Drain | jobs/s | to no hold |\n| --- | ---: | ---: |\n")
    without = found["no hold"]
    for name, rates in found.items():
        ratios = [rate / base for rate, base in zip(rates, without, strict=True)]
        sys.stdout.write(
            f"| {name} | {statistics.median(rates):,.0f} | {statistics.median(ratios):.3f} |\n"
        )


if __name__ == "__main__":
    main()
