"""Whether the columns of a list stay in line whatever they show."""

from __future__ import annotations

import json
import os
import shlex
import sys
from pathlib import Path

from tests.programs import environment, wait_until
from tests.tui.terminal import TmuxTerminal


def test_a_terminal_draws_every_character_as_wide_as_it_is_counted(tmp_path: Path) -> None:
    found = tmp_path / "found.json"
    command = f"{shlex.quote(sys.executable)} -m tests.tui.widths {shlex.quote(str(found))}"
    env = {
        "PYTHONPATH": environment({})["PYTHONPATH"],
        "LC_ALL": "C.UTF-8",
        "HOME": os.environ["HOME"],
    }
    terminal = TmuxTerminal(command, tmp_path, (120, 10), env)
    try:
        wait_until(lambda: found.exists() or terminal.status.exists(), "the end of the program")
        assert found.exists(), terminal.screen()
    finally:
        terminal.close()
    assert json.loads(found.read_text()) == []
