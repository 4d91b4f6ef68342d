"""``asok init``: a commented ``.env`` with a fresh SECRET_KEY, to begin a project with."""

from __future__ import annotations

import argparse
import secrets
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

from asok_core.runtime.whole_file import new_file
from asok_core.settings.declaration import Setting
from asok_core.settings.settings import Settings

FILE = Path(".env")
GIVEN = {"ASOK_QUEUE_BACKEND": "redis"}
"""What a project with workers sets; all other settings are comments."""
HEAD = """\
# Settings of the background jobs. Environment variables take precedence. Nothing in a value is
# replaced, ${...} neither. systemd reads the same if there is no `export`, no comment behind a
# value, and single quotes around a value that holds spaces, quotes, # or $."""
WIDTH = 100


def add_arguments(_parser: argparse.ArgumentParser) -> None:
    """Nothing to declare: an option would only repeat what is better changed in the file."""


def run(_args: argparse.Namespace, _settings: Settings) -> int:
    """Write the file. Returns 0."""
    with new_file(FILE) as stream:
        stream.write(env_text(secrets.token_hex(32)))
    sys.stderr.write(
        "Wrote .env with a SECRET_KEY of its own. Keep it out of version control, and give the same\n"
        "key to every application and worker that shares the queues.\n"
        "Next: set ASOK_REDIS_URL in it if Redis is elsewhere, then run `asok worker`.\n"
    )
    return 0


def env_text(secret_key: str) -> str:
    """The file's text, from the declarations of the settings."""
    blocks = [
        HEAD,
        *("\n".join(_block(each, secret_key)) for each in Settings.declared().values()),
    ]
    return "\n\n".join(blocks) + "\n"


def _block(declared: Setting, secret_key: str) -> Iterator[str]:
    name = declared.variables[0]
    about = f"{declared.description}. Allowed: {declared.kind.allowed}."
    yield from textwrap.wrap(
        about, WIDTH, initial_indent="# ", subsequent_indent="# ", break_on_hyphens=False
    )
    given = GIVEN | {"SECRET_KEY": secret_key}
    yield f"{name}={given[name]}" if name in given else f"#{name}={declared.default or ''}"
