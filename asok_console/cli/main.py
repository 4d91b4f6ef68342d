"""``asok``: choose a command, run it, and return its exit code.

0 success, 1 a check or an operation failed, 2 the command line or a setting is invalid, 3 Redis
cannot be reached, 4 a worker cannot import a module of ``--import`` or can run no jobs
(ASOK_WORKER_EXIT_WHEN_UNABLE), 70 an internal error, 130 interrupted.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence

from asok_console.cli.parser import build_parser, first_words, with_default_words
from asok_core.errors import AsokError, NoResources, SettingsError, Unreachable, UsageError
from asok_core.runtime import streams

FAILED = 1
USAGE = 2
UNREACHABLE = 3
INTERNAL = 70
INTERRUPTED = 130
PIPE_CLOSED = 141


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit code.

    Args:
        argv: The arguments without the name of the program. By default those of this process, whose
            standard streams are made safe to write to first.
    """
    if argv is None:
        streams.prepare()
        argv = sys.argv[1:]
        if argv and not argv[0].startswith("-") and argv[0] not in (ours := first_words()):
            from asok_console.commands.support.framework import pass_to_framework

            pass_to_framework(argv, ours)
    words = list(argv)
    code = None
    try:
        code = _run_safely(words)
        # A closed pipe or a full disk is reported here rather than at exit.
        sys.stdout.flush()
    except BrokenPipeError:
        _drop_output()
        return PIPE_CLOSED
    except streams.OutputError as error:
        _drop_output()
        done = " (the command itself succeeded)" if code == 0 else ""
        return _report(f"standard output cannot be written: {error.strerror}{done}", FAILED, words)
    return code


def _run_safely(words: list[str]) -> int:
    try:
        return _run(words)
    except (BrokenPipeError, streams.OutputError):
        raise
    except KeyboardInterrupt:
        streams.discard_output()
        return INTERRUPTED
    except SystemExit as leaving:
        return leaving.code if isinstance(leaving.code, int) else int(leaving.code is not None)
    except AsokError as error:
        return _report(str(error), _exit_code(error), words)
    except Exception as error:  # noqa: BLE001 - no command ends with a traceback
        what = f"internal error: {type(error).__name__}: {error}"
        hint = "" if _debugging(words) else " (run with --debug for the traceback)"
        return _report(what + hint, INTERNAL, words)


def _run(words: list[str]) -> int:
    args = build_parser().parse_args(with_default_words(words))
    # After parsing: an invalid setting must not prevent --help.
    from asok_core.settings.settings import Settings

    code: int = args.run(args, Settings.load())
    return code


def _exit_code(error: AsokError) -> int:
    if isinstance(error, SettingsError | UsageError):
        return USAGE
    if isinstance(error, Unreachable) and not isinstance(error, NoResources):
        return UNREACHABLE
    return FAILED


def _report(line: str, code: int, words: list[str]) -> int:
    if _debugging(words):
        traceback.print_exc()
    from asok_console.presentation.text import safe

    # An error may quote text of a server or a producer, which must not control a terminal.
    sys.stderr.write(f"asok: {safe(line)}\n")
    return code


def _debugging(words: list[str]) -> bool:
    return "--debug" in words


def _drop_output() -> None:
    # The interpreter flushes stdout again at exit and would report the closed pipe again.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
