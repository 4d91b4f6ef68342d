"""The short form of ``make chaos``; the long one has 20,000 jobs and more than 100 kills."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.chaos.run import Chaos, Plan


@pytest.mark.slow
@pytest.mark.timeout(150)
def test_nothing_is_lost(tmp_path: Path) -> None:
    seed = random.randrange(10**6)
    random.seed(seed)
    plan = Plan(jobs=1200, kills=12, seconds=18, shared=60, finish=60)
    report = Chaos(plan, tmp_path, print).run()
    assert report.passed, f"seed {seed}\n{report.table()}"
    assert report.enqueued == plan.jobs + plan.shared
    assert report.completed + sum(report.dead.values()) == report.enqueued
