"""The audit of operators' actions: one entry each, true at every moment, and how it is read."""

from __future__ import annotations

import json
import os
import pwd
import re
import secrets
import socket
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from asok_core import clock
from asok_core.backends.redis import parsing
from asok_core.backends.redis.bounded_records import read_bounded_records
from asok_core.backends.redis.calls.call import Arg
from asok_core.backends.redis.calls.operations import AuditArguments, FinishOperation
from asok_core.backends.redis.calls.reading import Clipped
from asok_core.backends.redis.connection import Connection
from asok_core.backends.redis.explanations import ErrorReply, wrong_type
from asok_core.backends.redis.keys import Keys
from asok_core.backends.redis.server_clock import ServerClock, epoch_seconds
from asok_core.errors import Refused
from asok_core.inspection.audit import EDIT, Activities, Activity
from asok_core.inspection.pauses import LONGEST_REASON
from asok_core.jobs.numbers import count as whole_count
from asok_core.jobs.numbers import number
from asok_core.settings.kinds import RecordForm

_UNUSUAL = re.compile(r"[^0-9A-Za-z_.:%@-]")
_NO_BYTE = re.compile("[\ud800-\udc7f\udd00-\udfff]")
"""Lone surrogates that represent no byte: no name in Redis has one."""
LONGEST_FIELD = 4096
"""Bytes of a field of the audit that are read: ours are shorter."""
STEP = 200
"""Entries of the audit that one command reads: about 1.5 ms of Redis."""
WORDS = 500
"""Characters of a scope's words that the audit keeps."""


def operator_name() -> str:
    """``user@host`` of this process, and who became that user from where, as far as that is known.

    The user is that of the effective user id, which an environment cannot change. By sudo and by SSH
    only the environment shows: ``root@web1 (sudo ann, ssh 10.0.0.5)``.
    """
    name = f"{_effective_user()}@{socket.gethostname()}"
    origin = {
        "sudo": os.environ.get("SUDO_USER", ""),
        "ssh": os.environ.get("SSH_CONNECTION", "").partition(" ")[0],
    }
    said = [f"{how} {_UNUSUAL.sub('?', who)[:64]}" for how, who in origin.items() if who]
    return f"{name} ({', '.join(said)})" if said else name


def _effective_user() -> str:
    # Not getpass: it believes LOGNAME, which any user can set.
    number = os.geteuid()
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return f"uid {number}"


def new_operation_id(connection: Connection) -> str:
    """An id that begins with the time of Redis. Raises Unreachable or Refused."""
    # By its beginning a person finds it in the list; by its end it is unique.
    moment = datetime.fromtimestamp(ServerClock().ask(connection), UTC)
    return f"{moment:%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"


@dataclass(slots=True)
class Operation:
    """An operation that is being carried out: what every script of it writes into the audit."""

    keys: Keys
    id: str
    action: str
    who: str
    where: str
    location: str = ""
    queue: str = ""
    words: str = ""
    records: RecordForm = "hash"
    note: str = ""
    """The text of a note that is written."""

    def arguments(self) -> AuditArguments:
        """The arguments of every call that writes the audit."""
        return {"ns": self.keys.namespace, "op": self.id, "about": self._about()}

    def begin(self, connection: Connection) -> None:
        """Open the entry before anything moves: who may not write it, may not act."""
        self.finish(connection, "running", {})

    def finish(self, connection: Connection, state: str, counts: Mapping[str, int]) -> None:
        """Write the last word: ``done``, ``cancelled`` or ``failed``, with counts by reason."""
        connection.run(FinishOperation(**self.arguments(), counts=json.dumps(counts), state=state))

    def _about(self) -> bytes:
        about = {
            "action": self.action,
            "who": self.who,
            "where": self.where,
            "place": self.location,
            "queue": self.queue,
            "words": self.words[:WORDS],
            "note": self.note,
        }
        # As bytes, for names that are not UTF-8: an undo needs the queue by its name in Redis.
        text = json.dumps({k: v for k, v in about.items() if v}, ensure_ascii=False)
        return parsing.raw(_NO_BYTE.sub("?", text))


VALID_ID = re.compile(r"[0-9A-Za-z_-]{1,64}")
"""What an operation's id may look like, before it becomes part of a key."""


def read_activity(
    connection: Connection, keys: Keys, count: int, *, trash_of: Collection[str] | None = None
) -> Activities:
    """The newest ``count`` entries of the audit, newest first, in a few round trips.

    ``trash_of``: the operations whose trash is looked at; None: all. A key of another type is an audit
    with a ``problem``. Raises Unreachable or Refused.
    """
    entries = _entries(connection, keys, count)
    if entries is None:
        unread = Activities()
        unread.problem = f"The key {keys.audit} is not a stream: what operators did cannot be read."
        return unread
    found = [fields_of(flat) for _, flat in entries]
    names = [fields.get("operation", "") for fields in found]
    meant = [name for name in dict.fromkeys(names) if trash_of is None or name in trash_of]
    commands: list[tuple[str, str]] = []
    for name in meant:
        commands += (("LLEN", keys.trash(name)), ("PTTL", keys.trash(name)))
    replies: list[Any] = []
    now = 0.0
    if commands:
        *replies, time = connection.pipeline([*commands, ("TIME",)])
        # Who may not ask for the server's time (ACL) gets this machine's.
        now = epoch_seconds(time) if isinstance(time, list) else clock.now()
    trash = dict(zip(meant, zip(replies[::2], replies[1::2], strict=True), strict=True))
    activities = [
        _activity(keys, fields, *trash.get(name, (None, None)), now)
        for name, fields in zip(names, found, strict=True)
    ]
    ended = _ended(connection, keys, activities)
    return Activities(replace(each, has_ended=_edited(each) in ended) for each in activities)


def _edited(activity: Activity) -> str:
    """The id of the job that an edit is about whose original is in the trash, or ''."""
    is_edit = activity.action == EDIT and activity.in_trash
    return activity.words.removeprefix("id:") if is_edit else ""


def _ended(connection: Connection, keys: Keys, activities: Iterable[Activity]) -> set[str]:
    """Which of the edited jobs have ended."""
    ids = filter(None, map(_edited, activities))
    try:
        records = read_bounded_records(connection, keys, ids, ("status",))
    except Refused:
        # Who may not read records is offered the undo, which then refuses with the reason.
        return set()
    return {job_id for job_id, record in records.items() if record.finished}


def _entries(connection: Connection, keys: Keys, count: int) -> Any:
    """The entries; None where the key is of another type."""
    # A script that cuts a thousand entries at once would keep Redis from others for 20 ms.
    found: list[Any] = []
    while len(found) < count:
        step = min(STEP, count - len(found))
        end = f"({parsing.text(found[-1][0])}" if found else "+"
        some = _some_entries(connection, ("XREVRANGE", keys.audit, end, "-", "COUNT", step))
        if some is None:
            return None
        found += some
        if len(some) < step:
            break
    return found


def _some_entries(connection: Connection, command: tuple[Arg, ...]) -> Any:
    try:
        return connection.run(Clipped(most=LONGEST_FIELD, words=command))
    except ErrorReply as error:
        if wrong_type(error):
            return None
        raise
    except Refused:
        # A user who may not run scripts reads the fields as long as they are.
        (entries,) = connection.pipeline([command])
        return connection.checked(entries)


def read_operation(connection: Connection, keys: Keys, operation: str) -> dict[str, str]:
    """What is known of one operation for as long as its trash is kept; empty when nothing is.

    Raises Refused where the key is of another type.
    """
    key = keys.operation(operation)
    (reply,) = connection.pipeline([("HGETALL", key)])
    fields = connection.checked(reply)
    if fields is None:
        raise Refused(f"The key {key} is not a hash: what the operation did cannot be read.")
    # Not as ``fields_of``: what is not UTF-8 is part of a queue's name.
    texts = [parsing.text(each) for each in fields]
    return dict(zip(texts[::2], texts[1::2], strict=True))


def fields_of(flat: list[bytes] | None) -> dict[str, str]:
    """The fields of an entry of the audit, or of an operation's hash."""
    texts = [each.decode("utf-8", "replace") for each in flat or ()]
    return dict(zip(texts[::2], texts[1::2], strict=False))


def trash_problem(keys: Keys, operation: str) -> str:
    """What is known of a trash whose key is of another type."""
    return f"The key {keys.trash(operation)} is not a list: what is in the trash cannot be read."


_EARLIER_ACTIONS = {"bury": "import"}
"""Actions as earlier releases wrote them."""


def _activity(
    keys: Keys, fields: Mapping[str, str], length: Any, ttl_ms: Any, now: float
) -> Activity:
    in_trash = length if isinstance(length, int) else 0
    unread = wrong_type(length)
    kept = isinstance(ttl_ms, int) and ttl_ms >= 0
    return Activity(
        operation=fields.get("operation", ""),
        at=number(fields.get("at")),
        who=fields.get("who", ""),
        where=fields.get("where", ""),
        action=_EARLIER_ACTIONS.get(action := fields.get("action", ""), action),
        location=fields.get("place", ""),
        queue=fields.get("queue", ""),
        words=fields.get("words", ""),
        note=fields.get("note", ""),
        reason=fields.get("reason", "")[:LONGEST_REASON],
        until=number(fields.get("until")),
        changed=fields.get("changed") == "1",
        state=fields.get("state", ""),
        applied=whole_count(fields.get("applied")),
        skipped=_counts(fields, "skipped:"),
        refused=_counts(fields, "refused:"),
        in_trash=in_trash,
        trash_until=now + ttl_ms / 1000 if kept else None,
        trash_problem=trash_problem(keys, fields.get("operation", "")) if unread else "",
    )


def _counts(fields: Mapping[str, str], prefix: str) -> dict[str, int]:
    return {
        name.removeprefix(prefix): whole_count(n)
        for name, n in fields.items()
        if name.startswith(prefix)
    }
