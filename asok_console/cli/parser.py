"""The commands of the command line, and a parser that loads only the module of the chosen one."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from asok_console.cli.option_parser import OptionParser
from asok_core import __version__
from asok_core.errors import UsageError
from asok_core.operations.catalog import summaries
from asok_core.operations.catalog.summaries import either

if TYPE_CHECKING:
    from asok_console.cli.usage_errors import ParsedSoFar

PROGRAM = "asok"


class Command(NamedTuple):
    """One command: the words that choose it, and the module that implements it.

    The module has ``add_arguments(parser)`` and ``run(args, settings) -> exit code``.
    """

    words: str
    module: str
    help: str


class CommandGroup(NamedTuple):
    """Commands that share a first word. ``default`` is the second word when there is none."""

    word: str
    help: str
    default: str | None = None


GROUPS = (
    CommandGroup(
        "worker", "run a worker, show the status, quiet, resume, set or stop workers", default="run"
    ),
    CommandGroup("queue", "list, count, pause, resume or purge queues", default="list"),
    CommandGroup("job", "show, find, list, cancel, promote or move jobs"),
    CommandGroup("task", "list tasks, show what one did", default="list"),
    CommandGroup("dlq", "list, requeue, purge, export or import dead jobs"),
    CommandGroup("hold", "list, add, release or remove holds on jobs", default="list"),
    CommandGroup(
        "limit", "list, set or reset limits on what runs at once and starts", default="list"
    ),
    CommandGroup("note", "list or write notes on jobs, queues and error groups", default="list"),
    CommandGroup("trash", "list, restore or delete what operations removed", default="list"),
)

COMMANDS = (
    Command("worker run", "asok_console.commands.worker.run", "run a worker until it is stopped"),
    Command(
        "worker status",
        "asok_console.commands.worker.status",
        "show queues, next jobs, dead jobs and workers",
    ),
    Command(
        "worker quiet", "asok_console.commands.worker.quiet", summaries.QUIET_WORKER.in_general()
    ),
    Command(
        "worker resume", "asok_console.commands.worker.resume", summaries.RESUME_WORKER.in_general()
    ),
    Command("worker set", "asok_console.commands.worker.set", summaries.SET_WORKER.in_general()),
    Command("worker stop", "asok_console.commands.worker.stop", summaries.STOP_WORKER.in_general()),
    Command("console", "asok_console.commands.console", "open the console"),
    Command("queue list", "asok_console.commands.queue.list", "list queues"),
    Command(
        "queue composition",
        "asok_console.commands.queue.composition",
        "count the jobs of a queue by task, argument, age, size, worker or release",
    ),
    Command(
        "queue history",
        "asok_console.commands.queue.history",
        "show what happened in a queue over time",
    ),
    Command("queue pause", "asok_console.commands.queue.pause", summaries.PAUSE_QUEUE.in_general()),
    Command(
        "queue resume", "asok_console.commands.queue.resume", summaries.RESUME_QUEUE.in_general()
    ),
    Command("queue purge", "asok_console.commands.queue.purge", summaries.PURGE_QUEUE.in_general()),
    Command("job show", "asok_console.commands.job.show", "show everything about a job"),
    Command("job stack", "asok_console.commands.job.stack", "show where a running job is"),
    Command(
        "job find", "asok_console.commands.job.find", "find jobs by id, task, error or argument"
    ),
    Command("job list", "asok_console.commands.job.list", "list jobs in one state"),
    Command(
        "job cancel",
        "asok_console.commands.job.cancel",
        either(
            summaries.CANCEL_PENDING.in_general("pending or delayed jobs"),
            summaries.STOP_RUNNING.in_general(),
        ),
    ),
    Command(
        "job promote", "asok_console.commands.job.promote", summaries.PROMOTE_DELAYED.in_general()
    ),
    Command(
        "job move",
        "asok_console.commands.job.move",
        either(summaries.MOVE_PENDING.in_general(), summaries.MOVE_TO_FRONT.in_general()),
    ),
    Command("task list", "asok_console.commands.task.list", "list what each task did lately"),
    Command("task show", "asok_console.commands.task.show", "show what a task did over time"),
    Command("dlq list", "asok_console.commands.dlq.list", "list dead jobs"),
    Command(
        "dlq groups",
        "asok_console.commands.dlq.groups",
        "show dead jobs grouped by error, task, worker or release",
    ),
    Command(
        "dlq requeue", "asok_console.commands.dlq.requeue", summaries.REQUEUE_DEAD.in_general()
    ),
    Command("dlq purge", "asok_console.commands.dlq.purge", summaries.PURGE_DEAD.in_general()),
    Command("dlq export", "asok_console.commands.dlq.export", summaries.EXPORT_DEAD.in_general()),
    Command("dlq import", "asok_console.commands.dlq.import_", summaries.IMPORT_DEAD.in_general()),
    Command(
        "hold list", "asok_console.commands.hold.list", "list holds, and how many jobs each keeps"
    ),
    Command("hold add", "asok_console.commands.hold.add", summaries.HOLD_JOBS.in_general()),
    Command(
        "hold release", "asok_console.commands.hold.release", summaries.RELEASE_HOLD.in_general()
    ),
    Command("hold remove", "asok_console.commands.hold.remove", summaries.REMOVE_HOLD.in_general()),
    Command(
        "limit list",
        "asok_console.commands.limit.list",
        "list limits, and how much of each is used",
    ),
    Command("limit set", "asok_console.commands.limit.set", summaries.SET_LIMIT.in_general()),
    Command("limit reset", "asok_console.commands.limit.reset", summaries.RESET_LIMIT.in_general()),
    Command("note list", "asok_console.commands.note.list", "list the notes of operators"),
    Command("note write", "asok_console.commands.note.write", summaries.EDIT_NOTE.in_general()),
    Command("trash list", "asok_console.commands.trash.list", "list what can be restored"),
    Command(
        "trash restore", "asok_console.commands.trash.restore", summaries.RESTORE_TRASH.in_general()
    ),
    Command("trash empty", "asok_console.commands.trash.empty", summaries.EMPTY_TRASH.in_general()),
    Command(
        "explain",
        "asok_console.commands.explain",
        "explain the state of a job, a worker, a queue or all queues",
    ),
    Command("audit", "asok_console.commands.audit", "show what operators did"),
    Command(
        "events",
        "asok_console.commands.events",
        "show what changed: workers, crashes, pauses, Redis",
    ),
    Command("enqueue", "asok_console.commands.enqueue", "enqueue one job"),
    Command("init", "asok_console.commands.init", "write a .env with a new SECRET_KEY"),
    Command("deploy", "asok_console.commands.deploy", "write a systemd unit for the worker"),
)


class CommandParser(OptionParser):
    """A parser that takes its arguments from the module of its command when it first parses.

    ``commands`` are those among which the next word chooses, by that word.
    """

    def __init__(
        self,
        *,
        module: str | None = None,
        default: str | None = None,
        commands: Mapping[str, Command | CommandGroup] | None = None,
        **options: Any,
    ) -> None:
        super().__init__(allow_abbrev=False, **options)
        self._default = default
        self._module = module
        self._leaf = module is not None
        self._commands = tuple(commands or ())
        self._words: list[str] = []
        self.add_argument(
            "--debug",
            action="store_true",
            default=argparse.SUPPRESS,
            help="show the traceback of an error",
        )
        if commands is not None:
            # argparse only calls it, and then ``parse_known_args`` of what it returns.
            made: Any = _WhenChosen
            chosen = self.add_subparsers(
                title="commands", metavar="COMMAND", required=True, parser_class=made
            )
            for word, command in commands.items():
                chosen.add_parser(word, help=command.help, **_options_of(command))

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Add the arguments of the command, then parse."""
        if self._module is not None:
            command = import_module(self._module)
            self._module = None
            command.add_arguments(self)
            self.set_defaults(run=command.run)
        self._words = list(args or ())
        found, rest = super().parse_known_args(args, namespace)
        if rest and self._leaf:
            # Here, and not by the parser above: the hint names the command's own help.
            from asok_console.cli.usage_errors import unknown

            self.error(unknown(rest, self._so_far()))
        return found, rest

    def _so_far(self) -> ParsedSoFar:
        from asok_console.cli.usage_errors import ParsedSoFar

        return ParsedSoFar(self.prog, self._commands, self.by_option, self._words)

    def format_help(self) -> str:
        """Return the help; that of the whole program also names the commands of the framework."""
        if self.prog == PROGRAM:
            from asok_console.commands.support.framework import about_help

            self.epilog = about_help()
        return super().format_help() + self._help_of_default()

    def _help_of_default(self) -> str:
        if self._default is None:
            return ""
        # A separate parser, since this one must not accept the options: only the command does.
        options = argparse.ArgumentParser(add_help=False, usage=argparse.SUPPRESS)
        import_module(module_of(f"{self.prog.split()[-1]} {self._default}")).add_arguments(options)
        _, _, lines = options.format_help().partition("options:\n")
        return f"\noptions of {self.prog} {self._default} (also without {self._default}):\n{lines}"

    def error(self, message: str) -> NoReturn:
        """Raise UsageError with what is wrong, what is allowed, and the command that prints the help."""
        from asok_console.cli.usage_errors import explained

        line = explained(message, self._so_far())
        raise UsageError(f"{line} (see {self.prog} --help)")


class _WhenChosen:
    """A parser that is made when it is first used: there are many, and one command line uses few."""

    def __init__(self, **options: Any) -> None:
        self._options = options

    def __getattr__(self, name: str) -> Any:
        parser = CommandParser(**self._options)
        self.parse_known_args = parser.parse_known_args
        return getattr(parser, name)


def build_parser() -> CommandParser:
    """Return the parser of the whole command line. No command's module is loaded by it."""
    parser = CommandParser(
        prog=PROGRAM,
        description="Background jobs on Redis: run workers, and watch and operate their queues.",
        commands={group.word: group for group in GROUPS}
        | {each.words: each for each in COMMANDS if " " not in each.words},
    )
    parser.add_argument("--version", action="version", version=f"asok-console {__version__}")
    return parser


def module_of(words: str) -> str:
    """The module of a command."""
    return next(command.module for command in COMMANDS if command.words == words)


def first_words() -> set[str]:
    """The first words of all commands."""
    return {command.words.split()[0] for command in COMMANDS}


def with_default_words(words: Sequence[str]) -> list[str]:
    """Insert the default command of a group: ``worker`` becomes ``worker run``."""
    defaults = {group.word: group.default for group in GROUPS if group.default}
    for position, word in enumerate(words):
        if not word.startswith("-"):
            follower = words[position + 1] if position + 1 < len(words) else "-"
            default = defaults.get(word)
            if default and follower.startswith("-") and follower not in {"-h", "--help"}:
                return [*words[: position + 1], default, *words[position + 1 :]]
            break
    return list(words)


def _options_of(command: Command | CommandGroup) -> dict[str, Any]:
    """What its parser is made of."""
    description = _sentence(command.help)
    if isinstance(command, Command):
        return {"module": command.module, "description": description}
    note = f" Without a command: {command.default}." if command.default else ""
    among = (each for each in COMMANDS if each.words.startswith(f"{command.word} "))
    return {
        "description": f"{description}{note}",
        "default": command.default,
        "commands": {each.words.split()[1]: each for each in among},
    }


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."
