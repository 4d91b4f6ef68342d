"""Fill a cache before the first request."""

from __future__ import annotations

import json
from pathlib import Path

from asok_core import JobFuture, background_many, task


@task(queue="low")
def warm(folder: str, page: str) -> None:
    words = [word for word in page.split("-") if word]
    Path(folder, f"{page}.json").write_text(json.dumps({"title": " ".join(words).title()}))


def warm_all(folder: str, pages: list[str]) -> list[JobFuture[None]]:
    # However often this is called, no page is queued twice.
    return background_many(warm.options(unique=f"warm {page}").call(folder, page) for page in pages)
