"""The job that a command line names by its id, or by the beginning of it."""

from __future__ import annotations

from contextlib import closing

from asok_core.errors import JobNotFound
from asok_core.inspection.job_detail import JobDetail
from asok_core.operations.inspector import open_reader
from asok_core.operations.search import by_id
from asok_core.settings.settings import Settings


def named_job(settings: Settings, url: str | None, name: str) -> JobDetail:
    """All there is of the job. Raises JobNotFound."""
    with closing(open_reader(settings, url)) as reader:
        detail = by_id(reader, name)
    if detail is None:
        raise JobNotFound(f"there is no job {name!r}: the id is wrong, or its record has expired")
    return detail
