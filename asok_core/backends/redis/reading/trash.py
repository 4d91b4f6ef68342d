"""What the trash holds. It is found by its keys, since the audit drops its oldest entries."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from asok_core.backends.redis.audit import VALID_ID, trash_problem
from asok_core.backends.redis.connection import Connection
from asok_core.backends.redis.keys import Keys, glob_escaped
from asok_core.backends.redis.locating import scan_names
from asok_core.inspection.audit import Trash

STEP = 1000
"""Keys that Redis looks at in one step of the SCAN."""


def read_trash(connection: Connection, keys: Keys, operations: Iterable[str] | None) -> Trash:
    """How many jobs the trash of each operation holds, the oldest operation first."""
    ids = _scanned(connection, keys) if operations is None else operations
    chosen = sorted(each for each in set(ids) if VALID_ID.fullmatch(each))
    lengths = connection.pipeline([("LLEN", keys.trash(each)) for each in chosen])
    known = {each: connection.checked(reply) for each, reply in zip(chosen, lengths, strict=True)}
    found = Trash((each, length) for each, length in known.items() if length)
    found.problems = tuple(
        trash_problem(keys, each) for each, length in known.items() if length is None
    )
    return found


def _scanned(connection: Connection, keys: Keys) -> Iterator[str]:
    prefix = keys.trash("")
    for names in scan_names(connection, f"{glob_escaped(prefix)}*", STEP):
        for name in names:
            yield name.decode("utf-8", "replace").removeprefix(prefix)
