"""A ``.env`` file as it is read by our program, systemd and the framework."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from asok_console.cli.main import main
from asok_console.commands.support.env_file import read_otherwise, systemd_values
from asok_core.settings.settings import Settings
from tests.commands.systemd import systemd_analyze
from tests.programs import python, run_program

ODD = ("pa${zz}ss", "a$b", "{x}", "#a", "a # b", 'x "a" ', "a`b`", "a=b;c", "é→ж", "%h", "a ")
"""Values with characters that are special to one of the programs."""

ALIKE = [
    *((value, f"'{value}'") for value in ODD),
    *((value, f'"{value}"') for value in ODD if '"' not in value),
    *((value, value) for value in ("pa${zz}ss", "$ab", "a'b", 'a"b', "a#b", "{a}", "a  b")),
    ("it's ${a} # b", '"it\'s ${a} # b"'),
    ('it\'s "a\\b"', '"it\'s \\"a\\\\b\\""'),
]
"""Values, and their quoted form, which we and systemd read in the same way."""

LINES = [
    *(f"{quote}{value}{quote}" for value in ODD for quote in ("", "'", '"')),
    *(text for _, text in ALIKE),
    "a\\b", "'a\\b'", '"a\\b"', "'a\\\\b'", '"a\\\\b"', '"a\\nb"', '"a\\$b"', '"a\\`b"', "a\\",
    "a\\ ", "a\\  # b", " a ", " 'a' 'b' c ", "'a'b", 'a"b"', "a'b'", "'a' # b", '"a"# b', "a\t# b", "''x",
    "'x", '"x', "'a\nb'", '"a\nb"', '"a\\\nb"', "a\\\nb", "\\#a", "\\'a", "#", ";", " # a",
]  # fmt: skip
"""Values as they may be in a ``.env`` file."""


@pytest.mark.parametrize(("value", "text"), ALIKE)
def test_a_key_is_read_as_it_is_written_and_as_systemd_reads_it(
    value: str, text: str, tmp_path: Path
) -> None:
    file = tmp_path / ".env"
    file.write_text(f"zz=no\nSECRET_KEY={text}\nLAST=1\n")
    assert Settings.load({}, dotenv=file).secret_key == value
    assert systemd_values(file.read_text()) == {"zz": "no", "SECRET_KEY": value, "LAST": "1"}
    assert read_otherwise(file.read_text(), file) == []


def test_the_framework_reads_a_value_in_single_quotes_as_we_do(tmp_path: Path) -> None:
    lines = [f"K{number}='{value}'\n" for number, value in enumerate(ODD)]
    (tmp_path / ".env").write_text("".join([*lines, f"SECRET_KEY='{'pa${zz}ss' * 4}'\n"]))
    script = (
        "import json, os; from asok import Asok; Asok(root_dir=os.getcwd()); "
        f"print(json.dumps([os.environ[f'K{{n}}'] for n in range({len(ODD)})]))"
    )
    env = {k: v for k, v in os.environ.items() if k != "SECRET_KEY"}
    printed = python("-c", script, env=env, cwd=tmp_path)
    assert json.loads(printed.splitlines()[-1]) == list(ODD)


def test_the_framework_s_own_commands_read_a_value_without_quotes_as_we_do(tmp_path: Path) -> None:
    (tmp_path / "wsgi.py").touch()
    (tmp_path / ".env").write_text("PLAIN=pa${zz}ss\nQUOTED='pa${zz}ss'\n")
    script = (
        "import os, sys; sys.argv = ['asok', '--version']; from asok.cli import main; main(); "
        "print(os.environ['PLAIN'], os.environ['QUOTED'])"
    )
    printed = python("-c", script, env=os.environ, cwd=tmp_path).splitlines()[-1]
    # It keeps the quotes, which is why the README recommends none.
    assert printed == "pa${zz}ss 'pa${zz}ss'"


@pytest.mark.parametrize("text", LINES)
def test_systemd_values_are_those_of_systemd_itself(text: str, tmp_path: Path) -> None:
    analyze = systemd_analyze()
    file = tmp_path / "file"
    file.write_text(f"# about\nBEFORE=1\nKEY={text}\nAFTER=2\n")
    found = systemd_values(file.read_text())
    assert {"BEFORE", "KEY"} <= set(found)
    # systemd reads this file with the same function as an EnvironmentFile.
    done = run_program(
        analyze,
        "condition",
        *(_condition(*each) for each in found.items()),
        env=os.environ | {"SYSTEMD_OS_RELEASE": str(file)},
    )
    assert done.returncode == 0, (found, done.stderr)


def _condition(name: str, value: str) -> str:
    word = f"{name}={value}".replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'ConditionOSRelease="{word}"'


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("export KEY=1", "KEY"),
        ("KEY=1 # one", "KEY"),
        ("  KEY=1\t# one", "KEY"),
        ("KEY=a\\b", "KEY"),
        ('KEY="a\\nb"', "KEY"),
        ("KEY='a\\\\b'", "KEY"),
        ("KEY=a\\\nOTHER=b", "KEY, OTHER"),
    ],
)
def test_deploy_names_values_that_systemd_reads_differently(
    line: str,
    name: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text(f"SECRET_KEY=x\n{line}\nLAST=1\n")
    assert main(["deploy", "--user", "www"]) == 0
    assert f"/.env: systemd reads {name} otherwise than asok; put" in capsys.readouterr().err


def test_the_file_of_init_is_read_in_the_same_way_also_uncommented(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["init"]) == 0
    text = (tmp_path / ".env").read_text()
    assert read_otherwise(text, Path(".env")) == []
    assert (
        read_otherwise(text.replace("\n#ASOK", "\nASOK").replace("\n#BG", "\nBG"), Path(".env"))
        == []
    )
    assert (
        Settings.load({}, dotenv=tmp_path / ".env").secret_key
        == (systemd_values(text)["SECRET_KEY"])
    )


def test_no_program_replaces_variables_of_the_environment(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("SECRET_KEY=pa${HOME}ss\n")
    script = "from asok_core import Settings; print(Settings.load().secret_key)"
    env = {k: v for k, v in os.environ.items() if k != "SECRET_KEY"}
    assert python("-c", script, env=env, cwd=tmp_path) == "pa${HOME}ss\n"
