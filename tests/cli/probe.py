"""A command whose arguments say what it raises or returns."""

import argparse
import sys

from asok_core.errors import AsokError, JobNotFound, Refused, SettingsError, Unreachable, UsageError
from asok_core.settings.settings import Settings

ERRORS: dict[str, BaseException] = {
    "usage": UsageError("no such filter"),
    "settings": SettingsError("SECRET_KEY is not set"),
    "unreachable": Unreachable("nothing listens at redis://:***@h"),
    "refused": Refused("NOPERM"),
    "not-found": JobNotFound("no job x"),
    "untrusted": AsokError("queue \x1b]52;c;AAAA\x07 two\nlines"),
    "fault": ZeroDivisionError("division by zero"),
    "interrupt": KeyboardInterrupt(),
    "exit": SystemExit(7),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--return", type=int, default=0, dest="code")
    parser.add_argument("--raise", choices=ERRORS, dest="error")
    parser.add_argument("--size", choices=("small", "large"))
    parser.add_argument("--lines", type=int, default=0)


def run(args: argparse.Namespace, settings: Settings) -> int:
    if args.error:
        raise ERRORS[args.error]
    for number in range(args.lines):
        sys.stdout.write(f"{number}\n")
    sys.stdout.write(f"{settings.bg_workers} workers\n")
    code: int = args.code
    return code
