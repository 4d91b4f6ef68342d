"""Our program under the name ``asok``, beside the web framework, which has a program of that
name.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import pytest

from asok_core import __version__
from tests.conftest import SECRET_KEY
from tests.programs import environment, run_program

START = (
    f"#!{sys.executable}\nimport sys\nfrom asok_console.cli.main import main\nsys.exit(main())\n"
)

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(tmp_path: Path, redis_url: str) -> Run:
    """Run our program as pip installs it, in an empty folder: ``run("asok", "create", "shop")``."""
    programs, folder = tmp_path / "bin", tmp_path / "folder"
    programs.mkdir()
    folder.mkdir()
    env = environment(
        {"ASOK_QUEUE_BACKEND": "redis", "ASOK_REDIS_URL": redis_url, "SECRET_KEY": SECRET_KEY}
    )

    def start(name: str, *words: str) -> subprocess.CompletedProcess[str]:
        program = programs / name
        program.write_text(START)
        program.chmod(0o755)
        return run_program(program, *words, env=env, cwd=folder)

    return start


def test_an_unknown_command_runs_the_framework(run: Run, tmp_path: Path) -> None:
    done = run("asok", "routes")
    assert (done.returncode, done.stderr) == (0, "")
    assert "No routes found" in done.stdout
    done = run("asok", "create", "shop", "--tailwind", "--help")
    assert f"v{version('asok')}" in done.stdout
    assert list((tmp_path / "folder").iterdir()) == []


def test_exit_code_and_error_of_the_framework_are_passed_on(run: Run) -> None:
    done = run("asok", "frobnicate")
    assert done.returncode == 2
    assert done.stderr.startswith("usage: asok [-h]")
    assert "invalid choice: 'frobnicate'" in done.stderr


def test_a_word_similar_to_one_of_our_commands_is_reported_first(run: Run) -> None:
    done = run("asok", "wroker")
    assert done.returncode == 2
    assert done.stderr.startswith(
        "asok: 'wroker' goes to the asok framework; did you mean worker?\nusage: asok [-h]"
    )


@pytest.mark.parametrize(
    ("words", "said"), [("worker status", ""), ("queue list", ""), ("dlq list", "no dead jobs\n")]
)
def test_our_commands_take_precedence(words: str, said: str, run: Run) -> None:
    done = run("asok", *words.split())
    assert (done.returncode, done.stderr) == (0, said)
    assert "ASOK" not in done.stdout


def test_version_and_help_are_ours_and_the_help_names_the_other(run: Run) -> None:
    assert run("asok", "--version").stdout == f"asok-console {__version__}\n"
    reported = " ".join(run("asok", "--help").stdout.split())
    assert "worker run a worker, show the status" in reported
    assert f"Other commands are handed to the asok framework {version('asok')}" in reported


def test_deploy_is_ours_and_names_the_other(run: Run) -> None:
    done = run("asok", "deploy", "--user", "www")
    assert done.returncode == 0
    assert "the framework writes its files by: python -m asok deploy" in done.stderr


def test_as_asok_console_it_has_only_its_own_commands(run: Run) -> None:
    done = run("asok-console", "routes")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("asok: there is no command 'routes'; commands: worker, queue, ")
    assert "framework" not in run("asok-console", "--help").stdout
