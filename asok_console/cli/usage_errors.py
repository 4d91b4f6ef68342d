"""What is wrong with a command line, and what to write: the messages of argparse say only the former."""

from __future__ import annotations

import argparse
import ast
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import NamedTuple

from asok_core.suggestions import did_you_mean


class ParsedSoFar(NamedTuple):
    """Where an error was found. ``program`` are the words so far, as in ``asok dlq``."""

    program: str
    commands: Collection[str]
    options: Mapping[str, argparse.Action]
    words: Sequence[str]
    """Those after ``program``."""


def explained(message: str, at: ParsedSoFar) -> str:
    """A message of argparse as one line that says what is wrong and what is allowed.

    One of a kind that is not known is returned as it is.
    """
    for pattern, line_of in _LINES:
        if found := pattern.fullmatch(message):
            return line_of(found, at)
    return message


def unknown(rest: Sequence[str], at: ParsedSoFar) -> str:
    """What is wrong with the words that no argument of a command takes."""
    for word in rest:
        name = word.partition("=")[0]
        if name.startswith("-") and name != "-":
            return f"{name} is not an option of {at.program}{did_you_mean(name, at.options)}"
    return f"{rest[0]!r} is one argument too many for {at.program}"


def _choice(found: re.Match[str], at: ParsedSoFar) -> str:
    name, value = _name(found[1]), _value(found[2])
    if name == "COMMAND":
        group = at.program.partition(" ")[2]
        wrong = f"{group} {value or repr(value)}" if group else value
        near = did_you_mean(value, at.commands, group) or f"; commands: {', '.join(at.commands)}"
        return f"there is no command {wrong!r}{near}"
    action = at.options.get(name)
    choices = [str(each) for each in action.choices or ()] if action else []
    return (
        f"{name} is {value!r}; it must be one of {', '.join(choices) or found[3]}"
        f"{did_you_mean(value, choices)}"
    )


def _no_value(found: re.Match[str], at: ParsedSoFar) -> str:
    option = _name(found[1])
    action = at.options.get(option)
    line = f"{option} requires {_required(action)}"
    names = [
        each for each in (option, *(action.option_strings if action else ())) if each in at.words
    ]
    follows = at.words[at.words.index(names[0]) + 1 :][:1] if names else []
    if follows and follows[0].startswith("-") and follows[0] not in (*at.options, "--"):
        # What is like an option is more likely that one, misspelt, than a value.
        near = did_you_mean(follows[0].partition("=")[0], at.options)
        line += near or f"; one that begins with - is written {option}={follows[0]}"
    return line


def _required(action: argparse.Action | None) -> str:
    if action is not None and action.metavar:
        return str(action.metavar)
    if action is not None and action.choices:
        return f"one of {', '.join(map(str, action.choices))}"
    return "a value"


def _no_flag(found: re.Match[str], at: ParsedSoFar) -> str:  # noqa: ARG001 - as the others
    return f"{_name(found[1])} takes no value, and is given {found[2]}"


def _missing(found: re.Match[str], at: ParsedSoFar) -> str:
    if found[1] == "COMMAND":
        return f"specify a command: {', '.join(at.commands)}"
    return f"specify {', '.join(map(_name, found[1].split(', ')))}"


def _one_of(found: re.Match[str], at: ParsedSoFar) -> str:  # noqa: ARG001 - as the others
    return f"specify exactly one of {', '.join(map(_name, found[1].split()))}"


def _both(found: re.Match[str], at: ParsedSoFar) -> str:  # noqa: ARG001 - as the others
    return f"specify only one of {_name(found[2])}, {_name(found[1])}"


def _no_number(found: re.Match[str], at: ParsedSoFar) -> str:  # noqa: ARG001 - as the others
    kind = {"int": "a whole number", "float": "a number"}.get(found[2], f"a valid {found[2]}")
    return f"{_name(found[1])} is {_value(found[3])!r}; it must be {kind}"


def _other(found: re.Match[str], at: ParsedSoFar) -> str:  # noqa: ARG001 - as the others
    return f"{_name(found[1])}: {found[2]}"


_LINES: Sequence[tuple[re.Pattern[str], Callable[[re.Match[str], ParsedSoFar], str]]] = (
    (re.compile(r"argument (.+?): invalid choice: (.+) \(choose from (.*)\)", re.DOTALL), _choice),
    (re.compile(r"argument (\S+): expected (?:one|at least one) argument"), _no_value),
    (re.compile(r"argument (\S+): ignored explicit argument (.+)", re.DOTALL), _no_flag),
    (re.compile(r"the following arguments are required: (.+)"), _missing),
    (re.compile(r"one of the arguments (.+) is required"), _one_of),
    (re.compile(r"argument (\S+): not allowed with argument (\S+)"), _both),
    (re.compile(r"argument (\S+): invalid (\S+) value: (.+)", re.DOTALL), _no_number),
    (re.compile(r"argument (\S+): (.+)", re.DOTALL), _other),
)
"""The messages of argparse, each with the line in its place."""


def _name(names: str) -> str:
    # Of an option with two names, the long one is last.
    return names.rpartition("/")[2]


def _value(text: str) -> str:
    """The word that argparse quotes as Python does."""
    try:
        return str(ast.literal_eval(text))
    except (ValueError, SyntaxError):
        return text
