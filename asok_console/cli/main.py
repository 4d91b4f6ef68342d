"""``asok``: choose a command, run it, and turn what happens into an exit code.

0 done, 1 a check or an operation failed, 2 the command line or a setting makes no sense, 3 Redis
cannot be reached, 4 a worker cannot run jobs (where it is set to exit then), 70 a fault of this
program, 130 interrupted.
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
    """Run one command line (without the program's name) and return its exit code.

    Without ``argv`` it is that of this program, whose standard streams are made usable first.
    """
    if argv is None:
        streams.prepare()
        argv = sys.argv[1:]
        if argv and not argv[0].startswith("-") and argv[0] not in (ours := first_words()):
            from asok_console.commands.support.framework import hand_over

            hand_over(argv, ours)
    words = list(argv)
    code = None
    try:
        code = _framed(words)
        # What is still buffered may meet a closed pipe or a full disk, and should do so here.
        sys.stdout.flush()
    except BrokenPipeError:
        _drop_output()
        return PIPE_CLOSED
    except streams.OutputError as error:
        _drop_output()
        done = " (the command itself succeeded)" if code == 0 else ""
        return _report(f"standard output cannot be written: {error.strerror}{done}", FAILED, words)
    return code


def _framed(words: list[str]) -> int:
    try:
        return _run(words)
    except (BrokenPipeError, streams.OutputError):
        raise
    except KeyboardInterrupt:
        return INTERRUPTED
    except SystemExit as leaving:
        return leaving.code if isinstance(leaving.code, int) else int(leaving.code is not None)
    except AsokError as error:
        return _report(str(error), _exit_code(error), words)
    except Exception as error:  # noqa: BLE001 - the frame around every command
        what = f"internal error: {type(error).__name__}: {error}"
        hint = "" if _debugging(words) else " (run with --debug for the traceback)"
        return _report(what + hint, INTERNAL, words)


def _run(words: list[str]) -> int:
    args = build_parser().parse_args(with_default_words(words))
    # After the words are understood: a broken setting must not keep anyone from --help.
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

    # An error may quote what a server or a producer wrote, which must not reach a terminal raw.
    sys.stderr.write(f"asok: {safe(line)}\n")
    return code


def _debugging(words: list[str]) -> bool:
    return "--debug" in words


def _drop_output() -> None:
    # The interpreter flushes stdout once more at exit and would complain about the pipe again.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
