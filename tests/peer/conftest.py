"""The environment of programs on an application of the framework."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import SECRET_KEY
from tests.programs import environment

APP = Path(__file__).parent / "app"


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    """The file to which tasks write."""
    path = tmp_path / "journal"
    path.touch()
    return path


@pytest.fixture
def env(redis_url: str, journal: Path) -> dict[str, str]:
    """The environment of our worker and of the framework's."""
    return environment(
        {
            "ASOK_QUEUE_BACKEND": "redis",
            "ASOK_REDIS_URL": redis_url,
            "SECRET_KEY": SECRET_KEY,
            "ASOK_WORKER_CONCURRENCY": "4",
            "JOURNAL": str(journal),
        },
        APP,
    )
