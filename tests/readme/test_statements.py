"""What the documents state about views, states, exit codes and figures is so in the code."""

from __future__ import annotations

import argparse
import importlib
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from asok_console.cli import main
from asok_console.cli.parser import COMMANDS, Command
from asok_console.commands.support.status_document import to_json
from asok_console.commands.support.status_report import WorkerStatus
from asok_console.tui.keys import actions
from asok_core.inspection.snapshot import ServerInfo, Snapshot
from asok_core.inspection.workers import STALE_AFTER, WorkerInfo
from asok_core.worker.supervising.supervisor import UNABLE
from tests.programs import PATIENCE
from tests.readme.blocks import blocks_of
from tests.readme.generated import PAGES, README
from tests.readme.test_links import DOCUMENTS

NOW = 1_800_000_000.0
SECTIONS = [
    "Quick start", "Console", "Worker", "Library", "Operations", "Deployment", "Guarantees",
    "Comparison", "Documentation",
]  # fmt: skip


def test_the_readme_has_its_sections_in_order() -> None:
    text = README.read_text()
    assert re.findall(r"^## (.*)$", text, re.MULTILINE) == SECTIONS
    first = text.partition("\n## ")[0]
    assert "screenshots/overview.svg" in first
    contents = [f"[{each}](#{each.lower().replace(' ', '-')})" for each in SECTIONS]
    assert " ·\n".join(contents) in first


@pytest.mark.parametrize("document", [README, PAGES / "console.md"], ids=lambda path: path.stem)
def test_the_table_of_views_has_their_keys_and_titles(document: Path) -> None:
    rows = re.findall(r"^\| `(\d)` ([^|]+) \|", document.read_text(), re.MULTILINE)
    assert rows == [(str(at), title) for at, title in enumerate(actions.VIEW_TITLES.values(), 1)]


def test_the_table_of_worker_states_has_all_that_are_shown() -> None:
    page = (PAGES / "worker.md").read_text()
    named = [(state, in_json) for state, in_json, _ in table_of(page, "State")]
    shown = [(worker.state(NOW), state_in_json(worker)) for worker in workers()]
    shown.append(("not known", state_in_json(next(workers()), REPLICA)))
    assert sorted(named) == sorted({(f"`{state}`", f"`{in_json}`") for state, in_json in shown})
    assert f"no heartbeat for {STALE_AFTER:.0f} s" in page


MASTER = ServerInfo("redis://localhost")
REPLICA = ServerInfo("redis://localhost", role="slave", master_link="down")


def workers() -> Iterator[WorkerInfo]:
    """A worker in each state."""
    well = WorkerInfo("w", processes=1, able=1, concurrency=1, lease_until=NOW + 20)
    yield well
    yield replace(well, running=1)
    yield replace(well, beat_at=NOW - STALE_AFTER - 1)
    yield replace(well, command="quiet")
    yield replace(well, problem="The key asok:worker:w is not a hash")
    yield replace(well, lease_until=NOW - 1)
    yield replace(well, quiet=True)
    yield replace(well, stopping=True)
    yield replace(well, command="stop")
    yield replace(well, able=0)
    yield replace(well, able=0, refusal="the key is wrong")
    yield replace(well, able=0, deaths=3, deaths_seconds=30.0)
    yield replace(well, hanging=1, hang_seconds=20.0)


def state_in_json(worker: WorkerInfo, server: ServerInfo = MASTER) -> str:
    """The state that ``asok worker status --json`` reports."""
    snapshot = Snapshot(NOW, server, workers=(worker,))
    document = json.loads(to_json(WorkerStatus(snapshot, {})))
    return str(document["workers"][0]["state"])


def test_the_exit_codes_are_those_of_the_program() -> None:
    operations = (PAGES / "operations.md").read_text()
    codes = {int(code) for code, _ in table_of(operations, "Exit code")}
    assert codes == {0, main.FAILED, main.USAGE, main.UNREACHABLE}
    codes = {int(code) for code, _ in table_of(operations, "Code")}
    assert codes == {
        *(0, main.FAILED, main.USAGE, main.UNREACHABLE, UNABLE, main.INTERNAL),
        *(main.INTERRUPTED, main.PIPE_CLOSED),
    }
    rows = table_of(operations, "Command")
    named = [words for commands, _ in rows for words in re.findall(r"`([^`]+)`", commands)]
    assert sorted(named) == sorted(command.words for command in COMMANDS)
    worker = (PAGES / "worker.md").read_text()
    codes = {int(code) for code, _ in table_of(worker, "Code")}
    assert codes == {0, main.USAGE, UNABLE, main.INTERNAL}


def test_the_commands_that_ask_are_those_that_take_yes() -> None:
    paragraphs = (PAGES / "operations.md").read_text().split("\n\n")
    (asking,) = [each.partition(" ask first")[0] for each in paragraphs if " ask first" in each]
    assert set(re.findall(r"`asok ([^`]+)`", asking)) == {
        command.words for command in COMMANDS if "--yes" in help_of(command)
    }


def help_of(command: Command) -> str:
    """What ``--help`` shows of its arguments."""
    parser = argparse.ArgumentParser()
    importlib.import_module(command.module).add_arguments(parser)
    return parser.format_help()


def test_figures_of_benchmarks_in_the_readme_are_on_their_page() -> None:
    text = README.read_text()
    paragraph = next(each for each in text.split("\n\n") if "`make bench`" in each)
    page = (PAGES / "benchmarks.md").read_text()
    rounded = {
        *re.findall(r"\d[\d,.]*", page),
        *(f"{float(each):.1f}" for each in re.findall(r"\d+\.\d+", page)),
        *(f"{float(each):.0f}" for each in re.findall(r"\d+\.\d+", page)),
    }
    figures = re.findall(r"\d[\d,]*(?:\.\d+)?", paragraph.replace("p95", ""))
    assert len(figures) > 8
    assert set(figures) - rounded == set()


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.stem)
def test_python_that_no_test_types_can_be_run(document: Path) -> None:
    for block in blocks_of(document.read_text()):
        if block.language == "python" and "sample" in block.words:
            subprocess.run([sys.executable, "-c", block.code], check=True, timeout=PATIENCE)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.stem)
def test_no_output_is_quoted_without_a_test(document: Path) -> None:
    for block in blocks_of(document.read_text()):
        assert block.language != "text" or "sample" not in block.words, f"line {block.line}"


def table_of(text: str, title: str) -> list[list[str]]:
    """The rows of the table whose first column has a title, each as its cells."""
    _, _, rest = text.partition(f"\n| {title} |")
    rows = rest.partition("\n\n")[0].splitlines()[2:]
    assert rows, f"there is no table with the column {title!r}"
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]
