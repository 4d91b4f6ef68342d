"""What a worker was started with, which its supervisor sends to each process."""

from __future__ import annotations

import json
import os
import struct
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import IO, Any

from asok_core.inspection.worker_shape import WorkerShape
from asok_core.settings.settings import Settings


@dataclass(frozen=True, slots=True)
class WorkerConfig:
    """Settings and the options of the command line.

    ``concurrency`` is threads a process; ``max_jobs`` and ``max_memory`` (bytes) end a process that
    has done or grown so much, and another takes its place; None for no limit. ``imports`` are the modules
    that each process imports before it claims jobs, and ``app`` the absolute path of the application's
    folder, '' for the working directory alone.
    """

    settings: Settings
    worker: str
    queues: tuple[str, ...]
    concurrency: int = 1
    processes: int = 1
    max_jobs: int | None = None
    max_memory: int | None = None
    log_level: str = "info"
    log_format: str = "text"
    log_arguments: bool = False
    imports: tuple[str, ...] = ()
    app: str = ""
    debug: bool = False

    @property
    def shape(self) -> WorkerShape:
        """What an operator may override while the worker runs."""
        return WorkerShape(self.concurrency, self.queues)

    def reshaped(self, shape: WorkerShape) -> WorkerConfig:
        """The same with another shape."""
        return replace(self, concurrency=shape.concurrency, queues=shape.queues)

    def to_json(self) -> bytes:
        """Return the text from which ``from_json`` makes an equal configuration."""
        return json.dumps(asdict(self), default=os.fspath).encode()

    @classmethod
    def from_json(cls, text: bytes) -> WorkerConfig:
        """Return the configuration of ``to_json``."""
        values = _with_tuples(json.loads(text))
        settings = _with_tuples(values.pop("settings"))
        env_file = settings.pop("env_file")
        settings["env_file"] = None if env_file is None else Path(env_file)
        return cls(settings=Settings(**settings), **values)


def _with_tuples(values: dict[str, Any]) -> dict[str, Any]:
    return {
        name: tuple(value) if isinstance(value, list) else value for name, value in values.items()
    }


def send(pipe: IO[bytes], config: WorkerConfig) -> None:
    """Write the configuration, before any command."""
    text = config.to_json()
    pipe.write(struct.pack("!I", len(text)) + text)
    pipe.flush()


def receive(pipe: IO[bytes]) -> WorkerConfig:
    """Read the configuration that the supervisor sent."""
    (size,) = struct.unpack("!I", _exactly(pipe, 4))
    return WorkerConfig.from_json(_exactly(pipe, size))


def _exactly(pipe: IO[bytes], size: int) -> bytes:
    text = b""
    while len(text) < size:
        part = pipe.read(size - len(text))
        if not part:
            raise EOFError("the supervisor ended before it sent the configuration")
        text += part
    return text
