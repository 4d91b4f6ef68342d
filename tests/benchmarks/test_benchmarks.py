from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.benchmarks.__main__ import main
from tests.benchmarks.catalogue import OWN
from tests.programs import python

SMALL = ["--rounds", "1", "--share", "0.01", "--seconds", "0.05", "--stamps", "5"]


def test_a_small_run_reports_the_figures_of_both_peers(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "table.md"

    assert (
        main([*SMALL, "--peers", "asok", "--cases", "enqueue", "drain", "--output", str(output)])
        == 0
    )

    rows = [
        line.split(" | ") for line in output.read_text().splitlines() if "keeps results)" in line
    ]
    figures = {row[0].strip("| ").split(" ")[0]: row[1:] for row in rows[:2]}
    costs = {row[0].strip("| ").split(" ")[0]: row[1:] for row in rows[2:4]}
    assert set(figures) == set(costs) == {OWN, "asok"}
    assert all(row[0] and row[2] for row in figures.values()), "enqueue and drain were measured"
    assert all(row[0] and row[2] and row[5].strip(" |") for row in costs.values())
    assert capsys.readouterr().out == output.read_text()


def test_what_the_environment_of_the_peers_runs_needs_no_pytest() -> None:
    modules = ("__main__", "figures", "holds")
    imports = ", ".join(f"tests.benchmarks.{each}" for each in modules)

    python("-c", f"import sys; sys.modules['pytest'] = None; import {imports}", env=os.environ)
