"""Settings from the environment and ``.env``, each declared once.

The fields of :class:`Settings` are the declaration: name in the environment, kind of value,
default and meaning. Loading, error lines and the table in the README all come from it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Literal

from asok_core.errors import SettingsError
from asok_core.settings import kinds
from asok_core.settings.durations import parse_duration
from asok_core.settings.env_file import find_env_file, read_env_file
from asok_core.settings.kinds import (
    Backend,
    EnvelopeForm,
    RecordForm,
    Setting,
    optional,
    parse_queue_name,
    setting,
    whole_number,
)
from asok_core.settings.redis_url import masked_url, parse_redis_url
from asok_core.settings.secret_key import HOW_TO_MAKE_A_KEY, is_placeholder, weakness

__all__ = [
    "Setting",
    "Settings",
    "masked_url",
    "parse_duration",
    "parse_queue_name",
    "parse_redis_url",
]


LEAST_MARGIN, USUAL_MARGIN = 64 << 10, 4 << 20
"""Bytes by which the largest envelope that is read is larger than what an application may enqueue."""
LARGEST_ENVELOPE = (1 << 20) + USUAL_MARGIN
"""Bytes of the largest envelope that is read where no setting says otherwise."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Everything that can be configured, read once and never changed after.

    ``Settings()`` holds the defaults; ``Settings.load()`` reads the environment. Durations are
    seconds and sizes are bytes. Neither secrets nor the Redis URL are part of the repr.
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
        default="redis://localhost:6379/0",
        description="The Redis that holds the queues",
    )
    namespace: str = setting(
        "ASOK_NAMESPACE",
        kinds.NAMESPACE,
        default="asok",
        description="What the name of every key begins with",
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
        description="Former secret keys, still accepted while a new one is taken into use",
    )
    task_modules: tuple[str, ...] = setting(
        "ASOK_TASK_MODULES",
        kinds.TASK_MODULES,
        default="*",
        description="Tasks that may run on Redis, all others are refused; * is all but the modules of "
        "Python itself (os:system, builtins:eval), which have to be named",
    )
    envelope: EnvelopeForm = setting(
        "ASOK_ENVELOPE",
        kinds.ENVELOPE_FORM,
        default="v1",
        description="Versions of signed jobs: v1 signs version 1, which workers of the framework and of "
        "earlier releases can run, and accepts both; both signs version 2 and accepts both; v2 signs "
        "version 2 and accepts nothing else",
    )
    max_job_age: float | None = setting(
        "ASOK_MAX_JOB_AGE",
        optional(kinds.DURATION),
        default=None,
        description="How long ago a job may have been enqueued, or due where that was later; an older "
        "one becomes a dead job",
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
        description="Whether arguments and results of jobs in this process (local, eager) follow the "
        "rules of jobs on Redis; with 0 they are the objects themselves",
    )
    worker_queues: tuple[str, ...] = setting(
        "ASOK_WORKER_QUEUES",
        kinds.QUEUES,
        default="high,default,low",
        description="Queues that a worker serves, the most urgent first",
    )
    worker_concurrency: int = setting(
        "ASOK_WORKER_CONCURRENCY",
        whole_number(1, 1024),
        default="1",
        description="Jobs that each process of a worker runs at the same time",
    )
    worker_processes: int = setting(
        "ASOK_WORKER_PROCESSES",
        whole_number(1, 256),
        default="1",
        description="Processes of a worker",
    )
    worker_shutdown_timeout: float = setting(
        "ASOK_WORKER_SHUTDOWN_TIMEOUT",
        kinds.DURATION,
        default="30s",
        description="How long a stopping worker waits for running jobs before it gives them back",
    )
    worker_exit_when_unable: bool = setting(
        "ASOK_WORKER_EXIT_WHEN_UNABLE",
        kinds.FLAG,
        default="0",
        description="Whether a worker of which no process can run jobs exits (code 4) instead of "
        "trying until one can",
    )
    worker_hang_limit: float | None = setting(
        "ASOK_WORKER_HANG_LIMIT",
        kinds.HANG_LIMIT,
        default="60s",
        description="After how long a process that hangs (it claims and settles nothing) is replaced, "
        "where none of its jobs may be the reason; 0 for never",
    )
    worker_lease: float = setting(
        "ASOK_WORKER_LEASE",
        kinds.LEASE,
        default="30s",
        description="How long a worker may be silent before others take over what it holds",
    )
    crash_limit: int = setting(
        "ASOK_CRASH_LIMIT",
        whole_number(1, 1000),
        default="3",
        description="A job whose process died this many times becomes a dead letter",
    )
    retry_jitter: float = setting(
        "ASOK_RETRY_JITTER",
        kinds.FRACTION,
        default="0",
        description="By what fraction of itself a retry's delay may vary at random",
    )
    retry_max_delay: float | None = setting(
        "ASOK_RETRY_MAX_DELAY",
        optional(kinds.DURATION),
        default=None,
        description="The longest delay before a retry",
    )
    dlq_max: int = setting(
        "ASOK_DLQ_MAX",
        whole_number(1, 100_000_000),
        default="100000",
        description="Dead jobs beyond which each job that fails drops the oldest one that failed",
    )
    dlq_max_age: float | None = setting(
        "ASOK_DLQ_MAX_AGE",
        optional(kinds.DURATION),
        default=None,
        description="How long dead letters are kept",
    )
    records: RecordForm = setting(
        "ASOK_RECORDS",
        kinds.RECORD_FORM,
        default="hash",
        description="The form of job records on Redis: hash, or framework where the worker of the asok "
        "framework also runs jobs, which can only read and write JSON",
    )
    record_ttl: float = setting(
        "ASOK_RECORD_TTL",
        kinds.KEPT,
        default="24h",
        description="How long the record of a completed job is kept, and with it the result",
    )
    max_payload: int = setting(
        "ASOK_MAX_PAYLOAD",
        kinds.SIZE,
        default="1MiB",
        description="The largest job that is accepted",
    )
    max_envelope: int | None = setting(
        "ASOK_MAX_ENVELOPE",
        optional(kinds.SIZE),
        default=None,
        description="The largest entry of Redis that is read; a larger one is set aside, and a dead job "
        "says so; at least 64 KiB more than ASOK_MAX_PAYLOAD, by default 4 MiB more",
    )
    max_result: int = setting(
        "ASOK_MAX_RESULT",
        kinds.SIZE,
        default="64KiB",
        description="The largest result that a record keeps; a larger one is not stored",
    )
    max_traceback: int = setting(
        "ASOK_MAX_TRACEBACK",
        kinds.SIZE,
        default="64KiB",
        description="How much of a traceback a record or a dead letter keeps",
    )
    redact: tuple[str, ...] = setting(
        "ASOK_REDACT",
        kinds.NAME_PATTERNS,
        default="",
        description="Names of arguments whose values are hidden in console, commands, logs and exports; "
        "set it for applications, workers and operators alike",
    )
    console_protected: bool = setting(
        "ASOK_CONSOLE_PROTECTED",
        kinds.FLAG,
        default="0",
        description="Whether the console wants a typed word before every bulk action",
    )

    env_file: Path | None = field(default=None, compare=False)
    """The ``.env`` that was read, if any."""

    @classmethod
    def declared(cls) -> dict[str, Setting]:
        """Return the declaration of every setting by its attribute, in reading order."""
        return {
            each.name: each.metadata["setting"]
            for each in fields(cls)
            if "setting" in each.metadata
        }

    @classmethod
    def load(cls, env: Mapping[str, str] | None = None, *, dotenv: Path | None = None) -> Settings:
        """Read the settings from ``env`` over the file ``dotenv``.

        Without ``env`` that is the environment of this process over the file that ASOK_ENV_FILE names,
        or else over the nearest ``.env`` (see ``find_env_file``). With ``env`` no file is looked for.

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
                f"ASOK_ENVELOPE is {settings.envelope!r}; it must be 'v1' with ASOK_RECORDS=framework: "
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
            # What the application may enqueue, and a retry makes a little larger, must not be set aside.
            raise SettingsError(
                f"ASOK_MAX_ENVELOPE is {self.max_envelope:,} bytes; it must be at least {least:,}, 64 KiB "
                f"more than ASOK_MAX_PAYLOAD ({self.max_payload:,})"
            )

    @property
    def largest_envelope(self) -> int:
        """Bytes up to which an element of Redis is read as an envelope."""
        return self.max_envelope or self.max_payload + USUAL_MARGIN

    @property
    def masked_redis_url(self) -> str:
        """The Redis URL without its passwords, fit to be shown."""
        return masked_url(self.redis_url)

    def require_secret_key(self) -> str:
        """Return SECRET_KEY.

        Raises:
            SettingsError: It is not set, or it or a fallback is a placeholder that everybody knows.
                The line says how to make one.
        """
        if self.secret_key is None:
            raise SettingsError(
                "SECRET_KEY is not set, and every job on Redis is signed with it. Make one with "
                f"{HOW_TO_MAKE_A_KEY} and give the same to all that share the queues; `asok init` "
                "writes a .env that has one"
            )
        for name, keys in self._keys:
            if any(map(is_placeholder, keys)):
                raise SettingsError(
                    f"{name} is a placeholder, which everybody knows, and who knows the key can run "
                    f"code on every worker. Make a key with {HOW_TO_MAKE_A_KEY}"
                )
        return self.secret_key

    def key_warnings(self) -> list[str]:
        """Lines on keys that are so short that they could be guessed."""
        return [line for name, keys in self._keys if (line := weakness(name, keys))]

    @property
    def _keys(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        own = () if self.secret_key is None else (self.secret_key,)
        # A worker runs what any of them signed.
        return ("SECRET_KEY", own), ("SECRET_KEY_FALLBACKS", self.secret_key_fallbacks)
