"""Settings, commands and options that the documents name exist."""

from __future__ import annotations

import contextlib
import io
import re
from functools import cache
from pathlib import Path

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

import asok_core
from asok_console.cli.parser import COMMANDS, build_parser
from asok_core import errors
from asok_core.settings.settings import Settings
from tests.readme.generated import PAGES
from tests.readme.test_links import DOCUMENTS

VARIABLES = {"ASOK_ENV_FILE"} | {
    variable for each in Settings.declared().values() for variable in each.variables
}
FORMER = {"CHANGELOG.md"}
"""Documents of what was, which may name what is no longer there."""
CURRENT = [each for each in DOCUMENTS if each.name not in FORMER]
WORDS = {command.words for command in COMMANDS}
GROUPS = {words.split()[0] for words in WORDS}


@pytest.mark.parametrize("document", CURRENT, ids=lambda path: path.stem)
def test_every_variable_is_a_setting(document: Path) -> None:
    named = set(re.findall(r"\bASOK_[A-Z_]+\b", document.read_text()))
    assert named <= VARIABLES


@pytest.mark.parametrize("document", CURRENT, ids=lambda path: path.stem)
def test_every_command_exists_with_its_options(document: Path) -> None:
    for line in command_lines(document):
        words = re.split(r"[ =]", line)[1:]
        if words[0] in {"dev", "COMMAND"}:  # of the framework; any
            continue
        command = " ".join(words[:2]) if " ".join(words[:2]) in WORDS else words[0]
        assert command in WORDS | GROUPS or command.startswith("-"), line
        shown = help_of(command)
        for option in re.findall(r"(?<= )--?[a-z][a-z-]*", line):
            assert re.search(rf"(?<![\w-]){option}(?![\w-])", shown), f"{line}: {option}"


def test_the_documents_name_commands() -> None:
    assert len({line for document in CURRENT for line in command_lines(document)}) > 50


def test_every_public_name_is_in_the_reference() -> None:
    text = (PAGES / "reference.md").read_text()
    described = set(re.findall(r"^::: asok_core\.(\w+)$", text, re.MULTILINE))
    assert set(asok_core.__all__) - set(vars(errors)) <= described
    assert "errors" in described


def command_lines(document: Path) -> list[str]:
    """What begins with ``asok`` in inline code and in the blocks of shells."""
    lines: list[str] = []
    for token in MarkdownIt().enable("table").parse(document.read_text()):
        lines += [each.content for each in token.children or () if each.type == "code_inline"]
        lines += shell_lines(token)
    # What another program does with the output is not an option of ours.
    found = (re.match(r"(?:until )?(asok [^|;&]+)", line) for line in lines)
    return [each[1].strip() for each in found if each]


def shell_lines(token: Token) -> list[str]:
    if token.type == "fence" and token.info.startswith("sh"):
        return token.content.splitlines()
    return []


@cache
def help_of(command: str) -> str:
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.suppress(SystemExit):
        build_parser().parse_args([*command.split(), "--help"])
    return printed.getvalue()
