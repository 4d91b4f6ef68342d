"""The short form of ``make chaos``; the long one has 20,000 jobs and more than 100 faults."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.chaos.run import Chaos, ChaosPlan


@pytest.mark.slow
@pytest.mark.timeout(150)
@pytest.mark.parametrize(
    "plan",
    [
        ChaosPlan(jobs=1200, kills=12, seconds=18, shared=60, finish=60),
        ChaosPlan(jobs=800, kills=15, seconds=15, shared=0, finish=60, scenario="everything"),
    ],
    ids=["kills", "everything"],
)
def test_nothing_is_lost(tmp_path: Path, plan: ChaosPlan) -> None:
    seed = random.randrange(10**6)
    random.seed(seed)
    report = Chaos(plan, tmp_path, print).run()
    assert report.passed, f"seed {seed}\n{report.table()}"
    assert report.enqueued == plan.jobs + plan.shared
    assert report.completed + sum(report.dead.values()) == report.enqueued
