"""The backends of the suite. The Redis backend has a real server and a real worker."""

from __future__ import annotations

import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from asok_console.demo.embedded import EmbeddedRedis
from asok_core import Settings, configure, get_job, shutdown
from asok_core.errors import JobNotFound
from tests.conftest import SECRET_KEY
from tests.programs import FAMILY, PATIENCE, environment, kill_family, wait_until

BACKENDS = ("local", "eager", "redis")
SLOTS = 4
"""Concurrent jobs: threads of the pool or of the worker."""
QUEUES = "high,default,low"


def _settings(backend: str, url: str) -> dict[str, str]:
    return {
        "ASOK_QUEUE_BACKEND": backend,
        "ASOK_REDIS_URL": url,
        "SECRET_KEY": SECRET_KEY,
        "BG_WORKERS": str(SLOTS),
        "ASOK_WORKER_QUEUES": QUEUES,
    }


@pytest.fixture(scope="session")
def served_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a Redis whose jobs a worker runs."""
    name, log = uuid.uuid4().hex, tmp_path_factory.mktemp("worker") / "log"
    with EmbeddedRedis() as server:
        with log.open("wb") as file:
            worker = subprocess.Popen(
                [*(sys.executable, "-m", "asok_console", "worker", "--concurrency", str(SLOTS))],
                env=environment({**_settings("redis", server.url), FAMILY: name}),
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            yield server.url
            worker.send_signal(signal.SIGTERM)
            assert worker.wait(PATIENCE) == 0, log.read_text()
        finally:
            kill_family(name)
            worker.wait()


@dataclass(frozen=True)
class ConformingApplication:
    """The backend on which ``background`` enqueues, with helpers for tests."""

    backend: str
    folder: Path
    settings: Mapping[str, str]
    """Its environment variables."""

    @property
    def eager(self) -> bool:
        """Whether a job has ended when ``background`` returns."""
        return self.backend == "eager"

    def path(self, name: str = "file") -> str:
        """A path in the folder of the test, as an argument of a task."""
        return str(self.folder / name)

    def lines(self, name: str = "file") -> list[str]:
        """The lines of a file that tasks or hooks have written."""
        path = self.folder / name
        return path.read_text().splitlines() if path.exists() else []

    def unique(self, name: str) -> str:
        """A unique key of the test."""
        return f"{name} {self.folder}"

    def wait_for_start(self) -> None:
        """Wait until ``tasks.hold`` runs."""
        wait_until((self.folder / "started").exists, "the start of the task")

    def release(self) -> None:
        """Let ``tasks.hold`` return."""
        (self.folder / "end").touch()

    def reaches(self, job_id: str, *statuses: str) -> None:
        """Wait until the record of a job has one of these statuses."""
        wait_until(lambda: get_job(job_id).status in statuses, f"{statuses} of {job_id}")

    def has_no_record(self, job_id: str) -> bool:
        """Whether there is no record of a job."""
        try:
            get_job(job_id)
        except JobNotFound:
            return True
        return False


@pytest.fixture
def application(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ConformingApplication]:
    """The backend of this test, which runs once on each."""
    backend: str = request.param
    url = request.getfixturevalue("served_redis") if backend == "redis" else ""
    settings = {name: value for name, value in _settings(backend, url).items() if value}
    configure(Settings.load(settings))
    yield ConformingApplication(backend, tmp_path, settings)
    (tmp_path / "end").touch()
    assert shutdown(timeout=PATIENCE)
    configure()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run each test on every backend except those of its ``except_on`` marker."""
    if "application" not in metafunc.fixturenames:
        return
    left_out = {
        name for marker in metafunc.definition.iter_markers("except_on") for name in marker.args
    }
    metafunc.parametrize(
        "application", [each for each in BACKENDS if each not in left_out], indirect=True
    )
