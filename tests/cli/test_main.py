import argparse
import subprocess
import sys
from importlib import import_module

import pytest

from asok_console.cli import parser
from asok_console.cli.main import main
from asok_console.cli.parser import COMMANDS, GROUPS, Command, CommandGroup, with_default_words
from asok_core import __version__
from tests.programs import run_program

HEAVY = {"redis", "textual", "rich", "humanize", "dotenv", "concurrent.futures", "multiprocessing"}


@pytest.fixture
def _probe(monkeypatch: pytest.MonkeyPatch) -> None:
    probe = "tests.cli.probe"
    monkeypatch.setattr(
        parser,
        "COMMANDS",
        (
            Command("probe", probe, "try the frame"),
            Command("group run", probe, "try a group"),
            Command("group show", "tests.cli.no_such_module", "never loaded"),
        ),
    )
    monkeypatch.setattr(parser, "GROUPS", (CommandGroup("group", "a group", default="run"),))


@pytest.mark.usefixtures("_probe")
class TestFrame:
    @pytest.mark.parametrize(
        ("error", "code", "line"),
        [
            ("usage", 2, "asok: no such filter\n"),
            ("settings", 2, "asok: SECRET_KEY is not set\n"),
            ("unreachable", 3, "asok: nothing listens at redis://:***@h\n"),
            ("refused", 1, "asok: NOPERM\n"),
            ("not-found", 1, "asok: no job x\n"),
            (
                "fault",
                70,
                (
                    "asok: internal error: ZeroDivisionError: division by zero "
                    "(run with --debug for the traceback)\n"
                ),
            ),
            ("interrupt", 130, ""),
            ("exit", 7, ""),
        ],
    )
    def test_an_error_is_one_line_and_an_exit_code(
        self, error: str, code: int, line: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["probe", "--raise", error]) == code
        assert capsys.readouterr() == ("", line)

    def test_text_quoted_in_an_error_is_safe_for_the_terminal(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["probe", "--raise", "untrusted"]) == 1
        line = capsys.readouterr().err
        assert line.endswith("lines\n")
        assert line[:-1].isprintable()

    @pytest.mark.parametrize("error", ["usage", "fault"])
    def test_debug_shows_the_traceback(
        self, error: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["probe", "--raise", error, "--debug"]) in {2, 70}
        reported = capsys.readouterr().err
        assert reported.startswith("Traceback (most recent call last):\n")
        assert "tests/cli/probe.py" in reported
        assert reported.splitlines()[-1].startswith("asok: ")
        assert "run with --debug" not in reported

    @pytest.mark.parametrize("words", [["--debug", "probe"], ["probe", "--debug"]])
    def test_debug_may_be_before_or_after_the_command(self, words: list[str]) -> None:
        assert main(words) == 0

    def test_the_exit_code_is_what_the_command_returns(self) -> None:
        assert main(["probe", "--return", "1"]) == 1

    def test_the_command_gets_the_settings(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setenv("BG_WORKERS", "6")
        assert main(["probe"]) == 0
        assert capsys.readouterr().out == "6 workers\n"

    def test_a_setting_that_is_invalid_stops_a_command_and_not_its_help(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setenv("BG_WORKERS", "x")
        assert main(["probe"]) == 2
        assert capsys.readouterr().err == (
            "asok: BG_WORKERS is 'x'; it must be a whole number from 1 to 1024\n"
        )
        assert main(["probe", "--help"]) == 0

    @pytest.mark.parametrize(
        ("words", "line"),
        [
            ([], "asok: specify a command: group, probe (see asok --help)\n"),
            (["prob"], "asok: there is no command 'prob'; did you mean probe? (see asok --help)\n"),
            (["x"], "asok: there is no command 'x'; commands: group, probe (see asok --help)\n"),
            (
                ["group", "shw"],
                (
                    "asok: there is no command 'group shw'; did you mean group show? "
                    "(see asok group --help)\n"
                ),
            ),
            (
                ["probe", "--frob"],
                "asok: --frob is not an option of asok probe (see asok probe --help)\n",
            ),
            (
                ["probe", "x", "y"],
                "asok: 'x' is one argument too many for asok probe (see asok probe --help)\n",
            ),
            (
                ["probe", "--return", "-x"],
                (
                    "asok: --return requires a value; one that begins with - is written --return=-x "
                    "(see asok probe --help)\n"
                ),
            ),
            (
                ["probe", "--debug=1"],
                "asok: --debug takes no value, and is given '1' (see asok probe --help)\n",
            ),
            (
                ["probe", "--return", "x"],
                "asok: --return is 'x'; it must be a whole number (see asok probe --help)\n",
            ),
            (
                ["probe", "--return", "--rais", "x"],
                (
                    "asok: --return requires a value; did you mean --raise? "
                    "(see asok probe --help)\n"
                ),
            ),
            (
                ["probe", "--return", "--"],
                "asok: --return requires a value (see asok probe --help)\n",
            ),
            (
                ["probe", "--size"],
                "asok: --size requires one of small, large (see asok probe --help)\n",
            ),
            (
                ["probe", "--size", "it's"],
                (
                    'asok: --size is "it\'s"; it must be one of small, large '
                    "(see asok probe --help)\n"
                ),
            ),
            (
                ["group", ""],
                "asok: there is no command \"group ''\"; commands: run, show (see asok group --help)\n",
            ),
            (
                ["probe", "--ret", "1"],
                (
                    "asok: --ret is not an option of asok probe; did you mean --return? "
                    "(see asok probe --help)\n"
                ),
            ),
        ],
    )
    def test_a_command_line_that_is_invalid_is_one_line(
        self, words: list[str], line: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(words) == 2
        assert capsys.readouterr() == ("", line)

    def test_an_unknown_command_is_one_line_with_the_known_commands(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["frob"]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith("asok: ")
        assert "probe" in line

    def test_help_of_a_command_shows_its_arguments(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["probe", "--help"]) == 0
        reported = capsys.readouterr().out
        assert "Try the frame." in reported
        assert "--lines" in reported

    def test_only_the_chosen_command_is_loaded(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["group", "--help"]) == 0
        assert "never loaded" in capsys.readouterr().out
        assert main(["group", "--return", "1"]) == 1
        assert main(["group", "show"]) == 70


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (["worker"], ["worker", "run"]),
        (["worker", "--queues", "high"], ["worker", "run", "--queues", "high"]),
        (["--debug", "worker"], ["--debug", "worker", "run"]),
        (["worker", "status", "--json"], ["worker", "status", "--json"]),
        (["worker", "--help"], ["worker", "--help"]),
        (["console", "worker"], ["console", "worker"]),
        ([], []),
    ],
)
def test_a_group_without_a_command_runs_its_default(words: list[str], meant: list[str]) -> None:
    assert with_default_words(words) == meant


@pytest.mark.parametrize(
    ("group", "option"), [("worker", "--concurrency"), ("queue", "--json"), ("trash", "--url")]
)
def test_help_of_a_group_lists_the_options_of_its_default(
    group: str, option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([group, "--help"]) == 0
    shown = capsys.readouterr().out
    assert f"options of asok {group} " in shown
    assert f"{option} " in shown


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.words)
def test_every_declared_command_has_help(
    command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*command.words.split(), "--help"]) == 0
    assert f"usage: asok {command.words} " in capsys.readouterr().out


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.words)
def test_every_value_on_a_command_line_is_named_in_upper_case(command: Command) -> None:
    declared = argparse.ArgumentParser()
    import_module(command.module).add_arguments(declared)
    named = [
        action.metavar or (action.dest if not action.option_strings else action.dest.upper())
        for action in declared._actions
        if action.nargs != 0 and action.choices is None
    ]
    assert named == [str(each).upper() for each in named]


def test_every_default_word_is_a_declared_command() -> None:
    declared = {command.words for command in COMMANDS}
    assert {f"{group.word} {group.default}" for group in GROUPS if group.default} <= declared


class TestProgram:
    def run(self, *words: str, script: str = "") -> subprocess.CompletedProcess[str]:
        start = ["-c", script] if script else ["-m", "asok_console"]
        return run_program(sys.executable, *start, *words)

    def test_it_reports_its_version(self) -> None:
        reported = self.run("--version")
        assert (reported.returncode, reported.stdout) == (0, f"asok-console {__version__}\n")

    def test_help_imports_no_large_module(self) -> None:
        reported = self.run(
            "--help",
            script="import sys; before = set(sys.modules); "
            "from asok_console.cli.main import main; code = main(); "
            f"print(sorted({HEAVY!r} & set(sys.modules) - before), file=sys.stderr); sys.exit(code)",
        )
        assert reported.returncode == 0
        assert reported.stdout.startswith("usage: asok ")
        assert reported.stderr == "[]\n"

    def test_a_closed_pipe_is_not_an_error(self) -> None:
        script = (
            "import sys; from asok_console.cli import main, parser; "
            "parser.COMMANDS = (parser.Command('probe', 'tests.cli.probe', 'x'),); "
            "parser.GROUPS = (); sys.exit(main.main())"
        )
        with subprocess.Popen(
            [sys.executable, "-c", script, "probe", "--lines", "100000"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as program:
            assert program.stdout
            assert program.stderr
            assert program.stdout.readline() == "0\n"
            program.stdout.close()
            assert program.stderr.read() == ""
            assert program.wait(60) == 141
