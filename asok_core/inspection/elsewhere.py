"""Records of a job outside the namespace in use: in other namespaces, in other databases of the server."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class RecordSearch(NamedTuple):
    """Where a record with exactly this id was looked for, and what was found."""

    database: int
    """The one that is in use."""
    namespaces: tuple[str, ...] = ()
    """Other namespaces of this database in which a key has the name of its record."""
    keys: int | None = None
    """Keys of this database that were looked at for these; None: this user may not list them."""
    whole: bool = False
    """Whether these were all of its keys."""
    databases: Mapping[int, tuple[str, ...]] = {}
    """Other databases with keys, and the namespaces in which each has a key with the name of its record.

    In each, the namespace in use was looked at, and the default one where this user may read it.
    """
    unread: Mapping[int, str] = {}
    """Databases that were not looked at, and why."""
    problem: str = ""
    """Why it is not known which other databases have keys."""


class FoundLists(NamedTuple):
    """Lists of jobs by what their keys name, of which some may be empty by now.

    ``active``: process and queue of what workers hold. ``whole``: whether these are all that there are.
    """

    queues: tuple[str, ...] = ()
    active: tuple[tuple[str, str], ...] = ()
    whole: bool = False
