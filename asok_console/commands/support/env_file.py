"""How systemd reads a ``.env`` file that a unit names as EnvironmentFile, beside how we read it."""

from __future__ import annotations

import re
from io import StringIO
from pathlib import Path

from asok_core.settings.env_file import parse_env

_BINDING = re.compile(
    r"""
    [ \t\r\n]*+
    (?:
        [#;] (?: \\. | [^\\\r\n] )*+
      | (?P<name> [^=\r\n]++ ) = [ \t]*+
        (?P<quoted> (?: '[^']*+(?:'|\Z) | "(?: \\. | [^"\\] )*+(?:"|\Z) | [ \t]++ )*+ )
        (?P<plain> (?: \\(?:.|\Z) | [^\\\r\n] )*? ) [ \t]*+ (?= [\r\n] | \Z )
      | [^\r\n]++
    )
    """,
    re.VERBOSE | re.DOTALL,
)
_QUOTED = re.compile(r"""'([^']*)'?|"((?:\\.|[^"\\])*)"?""", re.DOTALL)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)


def read_otherwise(text: str, path: Path) -> list[str]:
    """Names of the variables that systemd reads otherwise than ``Settings``, in their order.

    Raises SettingsError for a text that ``Settings`` would not read.
    """
    ours = parse_env(StringIO(text), path)
    theirs = systemd_values(text)
    return [name for name in {**ours, **theirs} if ours.get(name) != theirs.get(name)]


def systemd_values(text: str) -> dict[str, str]:
    r"""The variables that systemd sets, by the rules of ``parse_env_file`` in its source.

    A comment begins a line, ``export`` is not known, quoted parts may follow each other, a backslash
    escapes in plain text and before ``" \\ ` $`` in double quotes, and nothing is replaced.
    """
    found = {}
    for binding in _BINDING.finditer(text):
        name = (binding["name"] or "").strip()
        if _NAME.fullmatch(name):
            quoted = "".join(map(_unquoted, _QUOTED.finditer(binding["quoted"])))
            found[name] = quoted + re.sub(
                r"\\(.?)", lambda escape: escape[1].strip("\r\n"), binding["plain"], flags=re.DOTALL
            )
    return found


def _unquoted(part: re.Match[str]) -> str:
    if part[1] is not None:
        return part[1]
    return re.sub(r'\\(?:(["\\`$])|\n)', lambda escape: escape[1] or "", part[2])
