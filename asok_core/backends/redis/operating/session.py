"""What every action of an operator needs: a connection, an audit entry, a scope made ready."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import redis

from asok_core.backends.redis.audit import Operation, new_operation_id, operator_name
from asok_core.backends.redis.connection import Connection, Endpoint
from asok_core.backends.redis.connection_pool import ConnectionPool
from asok_core.backends.redis.keys import Keys
from asok_core.backends.redis.members import members
from asok_core.backends.redis.operating.bulk import BulkOperation
from asok_core.backends.redis.operating.scopes import among_newest, resolve, spelled
from asok_core.backends.redis.operating.walks import ListWalk, ScoreWalk, Walk
from asok_core.backends.redis.parsing import raw as name_bytes
from asok_core.backends.redis.parsing import text
from asok_core.backends.redis.reading.key_check import check_key
from asok_core.backends.redis.reading.round_trips import ReaderSession, RoundTrips
from asok_core.backends.roles import Scope, Watch
from asok_core.errors import Refused, SettingsError, Unreachable
from asok_core.inspection.redaction import Redaction
from asok_core.inspection.snapshot import KeyCheck
from asok_core.jobs.keyring import Keyring
from asok_core.jobs.states import Location
from asok_core.settings.kinds import RecordForm
from asok_core.settings.settings import LARGEST_ENVELOPE

LOCATIONS = {
    Location.DEAD: "dead",
    Location.PENDING: "pending",
    Location.DELAYED: "delayed",
    # An undo puts them into their queue: they are held again when their turn comes.
    Location.HELD: "pending",
    Location.ACTIVE: "running",
}
"""Locations as the audit and the scripts name them."""


class OperatorSession:
    """One operator at one Redis, for any number of threads."""

    def __init__(
        self,
        endpoint: Endpoint,
        keys: Keys,
        keyring: Keyring | None,
        *,
        who: str | None = None,
        records: RecordForm = "hash",
        redaction: Redaction | None = None,
        largest: int = LARGEST_ENVELOPE,
    ) -> None:
        self._largest = largest
        self.keys = keys
        self.pool = ConnectionPool(endpoint)
        self._keyring = keyring
        self._records = records
        self._redaction = redaction or Redaction()
        self._who = who or operator_name()
        self._where = f"{endpoint.shown} {keys.namespace}"

    def close(self) -> None:
        """Close the connections."""
        self.pool.close()

    def _prepared(
        self,
        connection: Connection,
        action: str,
        scope: Scope,
        watch: Watch | None = None,
        rate: float | None = None,
        *,
        raw: bytes | None = None,
        thorough: bool = False,
    ) -> BulkOperation:
        """A bulk operation on the scope. It ends when all of its ids were found, at once if those are new.

        ``thorough``: it looks for further elements with these ids, too. ``raw``: it is about this element,
        and looks until it has found it.
        """
        key = self._key(scope)
        resolved = resolve(connection, scope, key)
        walk: Walk = ScoreWalk(key)
        if scope.location is not Location.DELAYED:
            walk = ListWalk(key)
            if scope.location is Location.DEAD and scope.ids and not thorough:
                newest, length = among_newest(connection, scope.ids, key)
                if raw is None or raw in newest[:-1]:
                    walk.begin_near(newest, length)
        return BulkOperation(
            connection=connection,
            operation=self._operation(connection, action, scope),
            scope=scope,
            resolved=resolved,
            walk=walk,
            keyring=self._keyring,
            redaction=self._redaction,
            watch=watch,
            rate=rate,
            raw=raw,
            thorough=thorough,
        )

    def _key(self, scope: Scope) -> bytes:
        if scope.location is Location.DELAYED:
            return name_bytes(self.keys.delayed)
        if scope.location is Location.DEAD:
            return name_bytes(self.keys.dead)
        if scope.location is Location.HELD:
            return name_bytes(self.keys.held(scope.hold, scope.queue or "default"))
        return name_bytes(self.keys.queue(scope.queue or "default"))

    def _operation(
        self, connection: Connection, action: str, scope: Scope, *, of_jobs: bool = True
    ) -> Operation:
        """An operation for the audit. Without ``of_jobs`` it concerns a worker and has no location."""
        return Operation(
            self.keys,
            new_operation_id(connection),
            action,
            self._who,
            self._where,
            LOCATIONS.get(scope.location, "") if of_jobs else "",
            scope.queue or "",
            scope.words or spelled(scope),
            self._records,
        )

    def _keyring_for(self, action: str) -> Keyring:
        if self._keyring is None:
            raise SettingsError(
                f"SECRET_KEY is not set, and a {action} signs jobs again: set the one of the workers"
            )
        return self._keyring

    def _expect_fitting_key(self, keyring: Keyring) -> None:
        """Raise SettingsError where none of the jobs in Redis verifies."""

        def check(round_trips: RoundTrips) -> KeyCheck:
            names = members(round_trips.connection, self.keys.queues)
            queues = sorted({"default", *map(text, names)})
            return check_key(round_trips, self.keys, keyring, queues)

        found = ReaderSession(self.pool, self.keys).run(check)
        if found.wrong:
            raise SettingsError(
                f"{found.line}. Nothing was signed; set SECRET_KEY to the one of the workers, or add a "
                "former key to SECRET_KEY_FALLBACKS"
            )

    @contextmanager
    def _connection(self) -> Iterator[Connection]:
        try:
            with self.pool.borrow() as connection, _stating_what_is_not_known(connection):
                yield connection
        except redis.ResponseError as error:
            raise Refused(_as_line(error)) from error


@contextmanager
def _stating_what_is_not_known(connection: Connection) -> Iterator[None]:
    """Redis may have carried out what was sent, all of it or a part: the error states so."""
    connection.operation = ""
    try:
        yield
    except Unreachable as error:
        operation = connection.operation
        # Of several batches the error names it already, with how many jobs were moved at least.
        if not operation or operation in str(error):
            raise
        raise type(error)(
            f"{error}; whether it was carried out is not known: see {operation} in the audit"
        ) from error


def _as_line(error: redis.ResponseError) -> str:
    """One line for an operator: a script's error has the reason after its position."""
    text = str(error).splitlines()[0]
    found = re.search(r"WRONGTYPE .* should be a \w+", text)
    return f"nothing was changed: {found[0].removeprefix('WRONGTYPE ')}" if found else text
