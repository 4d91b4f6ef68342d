"""The job that a command line names by its id, or by the beginning of it."""

from __future__ import annotations

from contextlib import closing

from asok_core.backends.roles import Reader
from asok_core.errors import JobNotFound
from asok_core.inspection.job_detail import JobDetail
from asok_core.operations.inspector import open_reader
from asok_core.operations.search import by_id
from asok_core.settings.settings import Settings


def named_job(settings: Settings, url: str | None, name: str) -> JobDetail:
    """All there is of the job. Raises JobNotFound."""
    with closing(open_reader(settings, url)) as reader:
        return known_job(reader, name)


def known_job(reader: Reader, name: str) -> JobDetail:
    """The same with a reader."""
    detail = by_id(reader, name)
    if detail is None:
        raise JobNotFound(f"there is no job {name!r}: the id is wrong, or its record has expired")
    if detail.is_unknown and detail.gaps:
        raise JobNotFound(f"job {name!r} was not found; it may be there: {'; '.join(detail.gaps)}")
    return detail
