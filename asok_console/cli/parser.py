"""The command line's words, and a parser that loads a command only when it is the one chosen."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from importlib import import_module
from typing import Any, NamedTuple, NoReturn

from asok_core import __version__
from asok_core.errors import UsageError

PROGRAM = "asok"


class Command(NamedTuple):
    """One command: the words that choose it, and the module that holds its arguments and deed.

    The module has ``add_arguments(parser)`` and ``run(args, settings) -> exit code``.
    """

    words: str
    module: str
    help: str


class Group(NamedTuple):
    """Commands that share a first word. ``default`` is the second word when there is none."""

    word: str
    help: str
    default: str | None = None


GROUPS = (
    Group(
        "worker", "run jobs, see what workers and queues are doing, and order them", default="run"
    ),
    Group("queue", "see queues, pause and resume them", default="list"),
    Group("job", "see jobs, cancel, promote or move them"),
    Group("dlq", "see, requeue, purge, export and import dead letters"),
    Group("trash", "see, restore or delete what was removed", default="list"),
)

COMMANDS = (
    Command("worker run", "asok_console.commands.worker.run", "run a worker until it is stopped"),
    Command(
        "worker status",
        "asok_console.commands.worker.status",
        "show queues, next jobs, dead letters and workers",
    ),
    Command("worker quiet", "asok_console.commands.worker.quiet", "let a worker take no more jobs"),
    Command(
        "worker resume", "asok_console.commands.worker.resume", "let a quiet worker take jobs again"
    ),
    Command("worker stop", "asok_console.commands.worker.stop", "let a worker end"),
    Command("console", "asok_console.commands.console", "open the console"),
    Command("queue list", "asok_console.commands.queue.list", "show the queues"),
    Command("queue pause", "asok_console.commands.queue.pause", "let no worker take from a queue"),
    Command("queue resume", "asok_console.commands.queue.resume", "let workers take from it again"),
    Command("queue purge", "asok_console.commands.queue.purge", "move its jobs to the trash"),
    Command("job show", "asok_console.commands.job.show", "show all there is of a job"),
    Command("job list", "asok_console.commands.job.list", "show jobs in one state"),
    Command("job cancel", "asok_console.commands.job.cancel", "stop jobs that have not started"),
    Command("job promote", "asok_console.commands.job.promote", "run delayed jobs now"),
    Command("job move", "asok_console.commands.job.move", "move pending jobs elsewhere"),
    Command("dlq list", "asok_console.commands.dlq.list", "show dead letters"),
    Command("dlq groups", "asok_console.commands.dlq.groups", "show dead letters by cause"),
    Command("dlq requeue", "asok_console.commands.dlq.requeue", "put them back into their queues"),
    Command("dlq purge", "asok_console.commands.dlq.purge", "move them to the trash"),
    Command("dlq export", "asok_console.commands.dlq.export", "write them to a file"),
    Command("dlq import", "asok_console.commands.dlq.import_", "put an export back"),
    Command("trash list", "asok_console.commands.trash.list", "show what can be restored"),
    Command("trash restore", "asok_console.commands.trash.restore", "put it back where it was"),
    Command("trash empty", "asok_console.commands.trash.empty", "delete it for good"),
    Command("explain", "asok_console.commands.explain", "explain why a job, queue or worker waits"),
    Command("audit", "asok_console.commands.audit", "show what operators did"),
    Command("enqueue", "asok_console.commands.enqueue", "enqueue one job"),
    Command(
        "init", "asok_console.commands.init", "begin a project: a .env with a fresh SECRET_KEY"
    ),
    Command("deploy", "asok_console.commands.deploy", "write the systemd unit of the worker"),
)


class CommandParser(argparse.ArgumentParser):
    """A parser that fills itself from its command's module when it is first asked to parse."""

    def __init__(
        self, *, module: str | None = None, default: str | None = None, **options: Any
    ) -> None:
        super().__init__(allow_abbrev=False, **options)
        self._default = default
        self._module = module
        self._leaf = module is not None
        self.add_argument(
            "--debug",
            action="store_true",
            default=argparse.SUPPRESS,
            help="show the traceback of an error",
        )

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse as ever, after the command's own arguments have been added."""
        if self._module is not None:
            command = import_module(self._module)
            self._module = None
            command.add_arguments(self)
            self.set_defaults(run=command.run)
        found, rest = super().parse_known_args(args, namespace)
        if rest and self._leaf:
            # Here, and not by the parser above: the hint names the command's own help.
            self.error(f"unrecognized arguments: {' '.join(rest)}")
        return found, rest

    def format_help(self) -> str:
        """Return the help; that of the whole program names the framework's commands as well."""
        if self.prog == PROGRAM:
            from asok_console.commands.support.framework import about_help

            self.epilog = about_help()
        return super().format_help() + self._help_of_default()

    def _help_of_default(self) -> str:
        if self._default is None:
            return ""
        # A parser of its own: this one must not take the options, the command does.
        options = argparse.ArgumentParser(add_help=False, usage=argparse.SUPPRESS)
        import_module(module_of(f"{self.prog.split()[-1]} {self._default}")).add_arguments(options)
        _, _, lines = options.format_help().partition("options:\n")
        return f"\noptions of {self.prog} {self._default}, with or without that word:\n{lines}"

    def error(self, message: str) -> NoReturn:
        """Raise UsageError with one line that also says where to read more."""
        raise UsageError(f"{message} (see {self.prog} --help)")


def build_parser() -> CommandParser:
    """Return the parser of the whole command line. No command's module is loaded by it."""
    parser = CommandParser(
        prog=PROGRAM,
        description="Background jobs on Redis: run workers, and watch and operate their queues.",
    )
    parser.add_argument("--version", action="version", version=f"asok-console {__version__}")
    top = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    groups = {group.word: _add_group(top, group) for group in GROUPS}
    for command in COMMANDS:
        *group_word, word = command.words.split()
        among = groups[group_word[0]] if group_word else top
        among.add_parser(
            word, module=command.module, help=command.help, description=_sentence(command.help)
        )
    return parser


def module_of(words: str) -> str:
    """The module of a command."""
    return next(command.module for command in COMMANDS if command.words == words)


def first_words() -> set[str]:
    """The words that a command line of ours may begin with."""
    return {command.words.split()[0] for command in COMMANDS}


def with_default_words(words: Sequence[str]) -> list[str]:
    """Return ``words`` with a group's default put in: ``worker`` becomes ``worker run``."""
    defaults = {group.word: group.default for group in GROUPS if group.default}
    for position, word in enumerate(words):
        if not word.startswith("-"):
            follower = words[position + 1] if position + 1 < len(words) else "-"
            default = defaults.get(word)
            if default and follower.startswith("-") and follower not in {"-h", "--help"}:
                return [*words[: position + 1], default, *words[position + 1 :]]
            break
    return list(words)


def _add_group(
    top: argparse._SubParsersAction[CommandParser], group: Group
) -> argparse._SubParsersAction[CommandParser]:
    note = f" Without a further word: {group.default}." if group.default else ""
    parser = top.add_parser(
        group.word,
        help=group.help,
        description=f"{_sentence(group.help)}{note}",
        default=group.default,
    )
    return parser.add_subparsers(title="commands", metavar="COMMAND", required=True)


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."
