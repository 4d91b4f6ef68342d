"""``asok worker [run]``: take jobs from the queues and run them until it is stopped."""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import replace
from typing import TypeVar

from asok_console.commands.support.app_folder import app_folder
from asok_console.commands.support.reloading import Reloader, watched
from asok_core.operations.inspector import on_redis
from asok_core.settings.declaration import SettingKind, parse_option
from asok_core.settings.kinds import (
    DURATION,
    MODULES,
    PROCESSES,
    QUEUES,
    SIZE,
    THREADS,
    whole_number,
)
from asok_core.settings.settings import Settings

T = TypeVar("T")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("--url", help="Redis URL (overrides ASOK_REDIS_URL)")
    parser.add_argument(
        "--import",
        metavar="MODULE",
        dest="imports",
        action="append",
        help="import MODULE in each process before it claims jobs; repeatable "
        "(overrides ASOK_IMPORTS)",
    )
    parser.add_argument(
        "--app",
        metavar="DIR",
        help="directory of the application's modules, as src (overrides ASOK_APP)",
    )
    parser.add_argument(
        "--reload",
        action="store_true",
        help="start the worker again when a file of the application changes, for development",
    )
    parser.add_argument(
        "-q",
        "--queues",
        metavar="QUEUE,...",
        help="queues in strict order (overrides ASOK_WORKER_QUEUES)",
    )
    parser.add_argument(
        "-c",
        "--concurrency",
        metavar="N",
        help="threads per process (overrides ASOK_WORKER_CONCURRENCY)",
    )
    parser.add_argument(
        "-p", "--processes", metavar="N", help="processes (overrides ASOK_WORKER_PROCESSES)"
    )
    parser.add_argument(
        "--stop-timeout",
        metavar="DURATION",
        help="how long a stop waits for running jobs (overrides ASOK_WORKER_SHUTDOWN_TIMEOUT)",
    )
    parser.add_argument("--max-jobs", metavar="N", help="replace a process after N jobs")
    parser.add_argument(
        "--max-memory", metavar="SIZE", help="replace a process that grew beyond it, as in 512MiB"
    )
    parser.add_argument(
        "--log-level",
        choices=("debug", "info", "warning", "error"),
        default="info",
        help="debug has a line for every job [info]",
    )
    parser.add_argument(
        "--log-format", choices=("text", "json"), default="text", help="lines for people [text]"
    )
    parser.add_argument(
        "--log-arguments", action="store_true", help="show the arguments of jobs in the log"
    )


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Run a worker. Returns 0 once it has stopped as asked, or 4 (see ``Supervisor``).

    With ``--reload``, the exit code of the last worker (see ``Reloader``).
    """
    settings = on_redis(settings, args.url)
    settings.require_secret_key()
    app = app_folder(args.app, settings)
    if args.reload:
        return Reloader(sys.argv[1:], watched(app)).run()
    imports = _option("--import", MODULES, ",".join(args.imports) if args.imports else None)
    stop_timeout = _option("--stop-timeout", DURATION, args.stop_timeout)
    if stop_timeout is not None:
        settings = replace(settings, worker_shutdown_timeout=stop_timeout)
    from asok_core.runtime import output, streams
    from asok_core.runtime.logs import EXIT_PATIENCE, flush, safe_logger
    from asok_core.worker.config import WorkerConfig
    from asok_core.worker.log import set_up_logging
    from asok_core.worker.supervising.supervisor import Supervisor, worker_id

    streams.prepare(drop_output=True)
    set_up_logging(args.log_level, args.log_format)
    logger = safe_logger("asok.worker")
    if settings.env_file is not None:
        logger.info("Settings file read path=%s", settings.env_file)
    for line in settings.key_warnings():
        logger.warning("%s", line)
    code = Supervisor(
        WorkerConfig(
            settings=settings,
            worker=worker_id(),
            queues=_option("--queues", QUEUES, args.queues) or settings.worker_queues,
            concurrency=_option("--concurrency", THREADS, args.concurrency)
            or settings.worker_concurrency,
            processes=_option("--processes", PROCESSES, args.processes)
            or settings.worker_processes,
            max_jobs=_option("--max-jobs", whole_number(1, 10**9), args.max_jobs),
            max_memory=_option("--max-memory", SIZE, args.max_memory),
            log_level=args.log_level,
            log_format=args.log_format,
            log_arguments=args.log_arguments,
            imports=imports or settings.imports or (),
            app=app,
            debug=getattr(args, "debug", False),
        )
    ).run()
    if not (flush() and output.flush(EXIT_PATIENCE)):
        # Standard error is not read, and the interpreter's own end would wait for that.
        os._exit(code)
    return code


def _option(flag: str, kind: SettingKind[T], text: str | None) -> T | None:
    return None if text is None else parse_option(flag, kind, text)
