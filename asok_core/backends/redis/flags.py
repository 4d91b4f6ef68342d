"""The flags by which scripts of a worker's process reply for one job. Lua has each as ``PREFIX_NAME``."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum


class OutcomeFlag(IntEnum):
    """The reply to an outcome (``settle.lua``, ``complete.lua``, ``keep_jobs.lua``)."""

    NOT_ACTIVE = 0
    """The envelope was not in the active list: its lease was lost, and nothing is written."""
    SETTLED = 1
    WRONG_TYPE = 3
    """The key of its next location is of another type, so it stays active."""
    TO_RETURN = 4
    """An operator has cancelled it, and it was returned without its id, or a hold would keep it: it stays
    active until its process returns it with its id."""
    CANCELLED = 5
    """It is settled as ``cancel``, as an operator asked for that."""


class SettledFlag(IntEnum):
    """Whether an outcome without a reply was settled (``settled_outcomes.lua``)."""

    NO = 0
    YES = 1
    """Or the job has no record."""
    AS_CANCEL = 2
    """It is settled as ``cancel``, as an operator asked for that."""


class EndedFlag(IntEnum):
    """Whether a claimed job has ended before it begins (``already_ended.lua``)."""

    NO = 0
    ENDED = 1
    """Its record says so: this is a copy of its envelope."""
    NO_ID = 2
    """Redis cannot read the job's id. The caller reads the record itself."""
    NO_RECORD = 3
    """Redis cannot read the record, which is a JSON string. The caller reads it itself."""


class StartFlag(IntEnum):
    """The reply to a job that has begun, or is to begin after an idle wait (``cycle.lua``)."""

    NOT_ACTIVE = 0
    MAY_START = 1
    """Its start is written, or it may begin."""
    RETURNED = 2
    """Its queue is paused, or the lease is lost. Nothing is written to its record, which is pending."""
    ENDED = 3
    """Its queue is not paused and the lease is not lost. For this and the next two see ``EndedFlag``."""
    NO_ID = 4
    NO_RECORD = 5
    CANCELLED = 6
    """It would be returned, and is cancelled: see ``OutcomeFlag.TO_RETURN``."""


MAY_START: Mapping[int, EndedFlag] = {
    StartFlag.MAY_START: EndedFlag.NO,
    StartFlag.ENDED: EndedFlag.ENDED,
    StartFlag.NO_ID: EndedFlag.NO_ID,
    StartFlag.NO_RECORD: EndedFlag.NO_RECORD,
}
"""The replies by which a job may begin, each with whether it has ended before."""

FLAGS: Mapping[str, int] = {
    f"{prefix}_{flag.name}": int(flag)
    for prefix, flags in (
        ("OUTCOME", OutcomeFlag),
        ("SETTLED", SettledFlag),
        ("ENDED", EndedFlag),
        ("START", StartFlag),
    )
    for flag in flags
}
"""Each flag by its name in Lua."""
