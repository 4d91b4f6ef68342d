"""The settings, read from the environment and ``.env``.

Each field of :class:`Settings` declares one setting: its name in the environment, kind of value,
default and meaning. Loading, error messages and the table in the documentation use these
declarations.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Literal

from asok_core.errors import SettingsError
from asok_core.settings import kinds
from asok_core.settings.declaration import Setting, optional, setting
from asok_core.settings.durations import parse_duration
from asok_core.settings.env_file import find_env_file, read_env_file
from asok_core.settings.kinds import (
    Backend,
    EnvelopeForm,
    RecordForm,
    parse_queue_name,
    whole_number,
)
from asok_core.settings.redis_url import DEFAULT as DEFAULT_REDIS_URL
from asok_core.settings.redis_url import masked_url, parse_redis_url
from asok_core.settings.secret_key import HOW_TO_CREATE_A_KEY, is_placeholder, weakness

__all__ = [
    "Setting",
    "Settings",
    "masked_url",
    "parse_duration",
    "parse_queue_name",
    "parse_redis_url",
]


LEAST_MARGIN, USUAL_MARGIN = 64 << 10, 4 << 20
"""Bytes by which the largest envelope that is read exceeds what an application may enqueue."""
LARGEST_ENVELOPE = (1 << 20) + USUAL_MARGIN
"""Bytes of the largest envelope that is read by default."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """All settings. They do not change after they were loaded.

    ``Settings()`` holds the defaults; ``Settings.load()`` reads the environment. Durations are
    seconds and sizes are bytes. Neither secrets nor the Redis URL are part of the repr.

    Examples:
        >>> Settings.load({"ASOK_QUEUE_BACKEND": "redis", "BG_WORKERS": "4"}).bg_workers
        4
    """

    queue_backend: Backend = setting(
        "ASOK_QUEUE_BACKEND",
        kinds.BACKEND,
        default="local",
        description="Where jobs run: threads of this process (local), workers on Redis (redis), "
        "or at once in the caller (eager)",
    )
    redis_url: str = setting(
        "ASOK_REDIS_URL REDIS_URL",
        kinds.REDIS_URL,
        default=DEFAULT_REDIS_URL,
        description="URL of the Redis that holds the queues",
    )
    namespace: str = setting(
        "ASOK_NAMESPACE",
        kinds.NAMESPACE,
        default="asok",
        description="Prefix of every Redis key",
    )
    secret_key: str | None = setting(
        "SECRET_KEY",
        optional(kinds.SECRET),
        default=None,
        description="Signs every job; required for the redis backend",
    )
    secret_key_fallbacks: tuple[str, ...] = setting(
        "SECRET_KEY_FALLBACKS",
        kinds.SECRETS,
        default="",
        description="Former secret keys, still accepted during a key rotation",
    )
    task_modules: tuple[str, ...] = setting(
        "ASOK_TASK_MODULES",
        kinds.TASK_MODULES,
        default="*",
        description="Tasks that may run on Redis, all others are refused; * is all but the "
        "modules of "
        "Python itself (os:system, builtins:eval), which have to be named",
    )
    envelope: EnvelopeForm = setting(
        "ASOK_ENVELOPE",
        kinds.ENVELOPE_FORM,
        default="v1",
        description="Versions of signed jobs: v1 signs version 1, which workers of the framework "
        "and of "
        "earlier releases can run, and accepts both; both signs version 2 and accepts both; v2 "
        "signs "
        "version 2 and accepts nothing else",
    )
    max_job_age: float | None = setting(
        "ASOK_MAX_JOB_AGE",
        optional(kinds.DURATION),
        default=None,
        description="Maximum age of a job since it was enqueued, or due if that was later; an "
        "older job becomes a dead job",
    )
    bg_workers: int = setting(
        "BG_WORKERS",
        whole_number(1, 1024),
        default="10",
        description="Threads of the local backend",
    )
    strict: bool = setting(
        "ASOK_STRICT",
        kinds.FLAG,
        default="1",
        description="Whether arguments and results of jobs in this process (local, eager) follow "
        "the "
        "rules of jobs on Redis; with 0 the objects themselves are passed",
    )
    app: str | None = setting(
        "ASOK_APP",
        optional(kinds.FOLDER),
        default=None,
        description="Directory of the application's modules, such as src, where that is not the working "
        "directory; tasks are imported from it first",
    )
    imports: tuple[str, ...] | None = setting(
        "ASOK_IMPORTS",
        optional(kinds.MODULES),
        default=None,
        description="Modules that each process of a worker imports before it claims jobs; a worker that "
        "cannot import one exits (code 4)",
    )
    worker_queues: tuple[str, ...] = setting(
        "ASOK_WORKER_QUEUES",
        kinds.QUEUES,
        default="high,default,low",
        description="Queues that a worker serves, the highest priority first",
    )
    worker_concurrency: int = setting(
        "ASOK_WORKER_CONCURRENCY",
        kinds.THREADS,
        default="1",
        description="Jobs that each process of a worker runs at the same time",
    )
    worker_processes: int = setting(
        "ASOK_WORKER_PROCESSES",
        kinds.PROCESSES,
        default="1",
        description="Processes of a worker",
    )
    worker_shutdown_timeout: float = setting(
        "ASOK_WORKER_SHUTDOWN_TIMEOUT",
        kinds.DURATION,
        default="30s",
        description="How long a stopping worker waits for running jobs before it returns them to "
        "their queues",
    )
    worker_exit_when_unable: bool = setting(
        "ASOK_WORKER_EXIT_WHEN_UNABLE",
        kinds.FLAG,
        default="0",
        description="Whether a worker exits (code 4) when none of its processes can run jobs, "
        "instead of retrying",
    )
    worker_hang_limit: float | None = setting(
        "ASOK_WORKER_HANG_LIMIT",
        kinds.HANG_LIMIT,
        default="60s",
        description="After how long a process that hangs (it claims and settles nothing) is "
        "replaced, unless one of its jobs may be the reason; 0 for never",
    )
    worker_lease: float = setting(
        "ASOK_WORKER_LEASE",
        kinds.LEASE,
        default="30s",
        description="How long a worker may be without a heartbeat before others take over its jobs",
    )
    release: str | None = setting(
        "ASOK_RELEASE",
        optional(kinds.RELEASE),
        default=None,
        description="The release of the application that a worker runs, such as a version or a "
        "commit. Without it: the git commit of the directory in which the worker is started, or the "
        "version in its pyproject.toml",
    )
    cancel_wait: float = setting(
        "ASOK_CANCEL_WAIT",
        kinds.DURATION,
        default="10s",
        description="How long a running job that an operator cancels has to stop by itself, before its "
        "process is ended",
    )
    crash_limit: int = setting(
        "ASOK_CRASH_LIMIT",
        whole_number(1, 1000),
        default="3",
        description="A job whose process died this many times becomes a dead job",
    )
    retry_jitter: float = setting(
        "ASOK_RETRY_JITTER",
        kinds.FRACTION,
        default="0",
        description="Largest random addition to the delay of a retry, as a fraction of it",
    )
    retry_max_delay: float | None = setting(
        "ASOK_RETRY_MAX_DELAY",
        optional(kinds.DURATION),
        default=None,
        description="The longest delay before a retry",
    )
    max_uncounted_retries: int = setting(
        "ASOK_MAX_UNCOUNTED_RETRIES",
        whole_number(1, 1_000_000),
        default="10000",
        description="How often in a row a job is run again without spending a retry (a worker could not "
        "run it, its task raised Retry(counted=False), or it resumes after its time limit) before it "
        "becomes a dead job or, at a time limit, spends a retry",
    )
    max_uncounted_age: float = setting(
        "ASOK_MAX_UNCOUNTED_AGE",
        kinds.KEPT,
        default="7d",
        description="For how long, since the first of these and from the tenth on, before it becomes a "
        "dead job",
    )
    dlq_max: int = setting(
        "ASOK_DLQ_MAX",
        whole_number(1, 100_000_000),
        default="100000",
        description="Largest number of dead jobs; beyond it each new one drops the oldest that "
        "failed",
    )
    dlq_max_age: float | None = setting(
        "ASOK_DLQ_MAX_AGE",
        optional(kinds.DURATION),
        default=None,
        description="How long dead jobs are kept",
    )
    events_max: int = setting(
        "ASOK_EVENTS_MAX",
        whole_number(kinds.FEWEST_EVENTS, 100_000),
        default="10000",
        description="Largest number of events (asok events) that are kept; set it alike for all "
        "workers, as the last heartbeat counts",
    )
    events_max_age: float = setting(
        "ASOK_EVENTS_MAX_AGE",
        kinds.EVENTS_AGE,
        default="14d",
        description="How long events are kept; an older one is removed with the next event",
    )
    records: RecordForm = setting(
        "ASOK_RECORDS",
        kinds.RECORD_FORM,
        default="hash",
        description="Format of job records on Redis: hash, or framework if the worker of the asok "
        "framework also runs jobs, as it can only read and write JSON",
    )
    record_ttl: float = setting(
        "ASOK_RECORD_TTL",
        kinds.KEPT,
        default="24h",
        description="How long the record of a completed job is kept, with its result",
    )
    max_payload: int = setting(
        "ASOK_MAX_PAYLOAD",
        kinds.SIZE,
        default="1MiB",
        description="Size of the largest job that is accepted",
    )
    max_envelope: int | None = setting(
        "ASOK_MAX_ENVELOPE",
        optional(kinds.SIZE),
        default=None,
        description="Size of the largest queue entry that is read; a larger one is set aside and "
        "a dead job replaces it; at least 64 KiB more than ASOK_MAX_PAYLOAD, by "
        "default 4 MiB more",
    )
    max_result: int = setting(
        "ASOK_MAX_RESULT",
        kinds.SIZE,
        default="64KiB",
        description="Size of the largest result that is stored",
    )
    max_traceback: int = setting(
        "ASOK_MAX_TRACEBACK",
        kinds.SIZE,
        default="64KiB",
        description="How much of a traceback a record or a dead job keeps",
    )
    redact: tuple[str, ...] = setting(
        "ASOK_REDACT",
        kinds.NAME_PATTERNS,
        default="",
        description="Names of arguments whose values are hidden in console, commands, logs and "
        "exports; "
        "set it for applications, workers and operators alike",
    )
    console_protected: bool = setting(
        "ASOK_CONSOLE_PROTECTED",
        kinds.FLAG,
        default="0",
        description="Whether the console requires a typed confirmation for every bulk operation",
    )

    env_file: Path | None = field(default=None, compare=False)
    """The ``.env`` file that was read, if any."""

    @classmethod
    def declared(cls) -> dict[str, Setting]:
        """Return the declaration of every setting by its attribute, in the order of declaration."""
        return {
            each.name: each.metadata["setting"]
            for each in fields(cls)
            if "setting" in each.metadata
        }

    @classmethod
    def load(cls, env: Mapping[str, str] | None = None, *, dotenv: Path | None = None) -> Settings:
        """Read the settings from ``env``, which takes precedence over the file ``dotenv``.

        The defaults are the environment of this process, and the file that ASOK_ENV_FILE names or
        the nearest ``.env`` (see ``find_env_file``). With ``env`` no file is searched for.

        Raises:
            SettingsError: A value is invalid, ``dotenv`` cannot be read, or the nearest ``.env`` could
                have been written by another user.
        """
        if env is None:
            env = os.environ
            dotenv = dotenv or find_env_file(env)
        environment = {**(read_env_file(dotenv) if dotenv else {}), **env}
        values = {name: each.read(environment) for name, each in cls.declared().items()}
        settings = cls(**values, env_file=dotenv)
        if settings.records == "framework" and settings.writes_envelope != 1:
            raise SettingsError(
                f"ASOK_ENVELOPE is {settings.envelope!r}; it must be 'v1' with "
                "ASOK_RECORDS=framework: "
                "the framework's worker loses jobs that are signed in version 2"
            )
        return settings

    @property
    def writes_envelope(self) -> Literal[1, 2]:
        """The version in which new jobs are signed."""
        return 1 if self.envelope == "v1" else 2

    @property
    def accepts_v1(self) -> bool:
        """Whether jobs that are signed in version 1 run."""
        return self.envelope != "v2"

    def __post_init__(self) -> None:
        least = self.max_payload + LEAST_MARGIN
        if self.max_envelope is not None and self.max_envelope < least:
            # A job that was accepted must not be set aside; its retries make it a little larger.
            raise SettingsError(
                f"ASOK_MAX_ENVELOPE is {self.max_envelope:,} bytes; it must be at least {least:,}, "
                "64 KiB "
                f"more than ASOK_MAX_PAYLOAD ({self.max_payload:,})"
            )

    @property
    def largest_envelope(self) -> int:
        """Bytes of the largest element that is read as an envelope."""
        return self.max_envelope or self.max_payload + USUAL_MARGIN

    @property
    def masked_redis_url(self) -> str:
        """The Redis URL with its passwords masked."""
        return masked_url(self.redis_url)

    def require_secret_key(self) -> str:
        """Return SECRET_KEY.

        Raises:
            SettingsError: It is not set, or it or a fallback is a well-known placeholder. The line
                says how to create a key.
        """
        if self.secret_key is None:
            raise SettingsError(
                "SECRET_KEY is not set; it must be a key that signs every job on Redis. Create "
                "one with "
                f"{HOW_TO_CREATE_A_KEY} and set the same for all programs that share the queues, or "
                "run `asok init`, which writes a .env file with one"
            )
        for name, keys in self._keys:
            if any(map(is_placeholder, keys)):
                raise SettingsError(
                    f"{name} is a well-known placeholder; anyone who knows the key can run code on "
                    f"every worker. Create a key with {HOW_TO_CREATE_A_KEY}"
                )
        return self.secret_key

    def key_warnings(self) -> list[str]:
        """Warnings about keys that are short enough to be guessed."""
        return [line for name, keys in self._keys if (line := weakness(name, keys))]

    @property
    def _keys(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        own = () if self.secret_key is None else (self.secret_key,)
        # A worker accepts the signatures of all of them.
        return ("SECRET_KEY", own), ("SECRET_KEY_FALLBACKS", self.secret_key_fallbacks)
