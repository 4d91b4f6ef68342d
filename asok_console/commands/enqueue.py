"""``asok enqueue``: one job from a timer, a cron line or a shell."""

from __future__ import annotations

import argparse
import json
import re
import sys
from typing import Any

from asok_console.commands.documents import write_json
from asok_core.codec import check_arguments
from asok_core.config import Settings
from asok_core.durations import parse_duration
from asok_core.errors import UsageError
from asok_core.inspector import on_redis
from asok_core.job import MAX_RETRIES, Job, new_id
from asok_core.setting import parse_queue_name, shown

_TASK = re.compile(r"(?P<module>[^\W\d]\w*(?:\.[^\W\d]\w*)*):(?P<function>[^\W\d]\w*)")
_KEYWORD = re.compile(r"([^\W\d]\w*)=(.*)", re.DOTALL)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("task", metavar="MODULE:FUNCTION", help="the function that a worker calls")
    parser.add_argument(
        "arguments",
        metavar="ARG",
        nargs="*",
        help="VALUE or NAME=VALUE; what reads as JSON is that value, anything else is text",
    )
    parser.add_argument("--queue", default="default", help="[default]")
    parser.add_argument("--retries", metavar="N", default="0", help="how often it may fail [0]")
    parser.add_argument("--backoff", metavar="N", default="2", help="base of the delay in s [2]")
    parser.add_argument("--delay", metavar="TIME", help="not before so long, as in 90s or 2h")
    parser.add_argument("--unique", metavar="KEY", help="only if no unfinished job has this key")
    parser.add_argument("--json", action="store_true", help="one JSON document")
    parser.add_argument("--url", help="the Redis to act on, over ASOK_REDIS_URL")


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Enqueue the job and print its id. Returns 1 where its unique key is taken."""
    settings = on_redis(settings, args.url)
    job = job_of(args)
    from asok_core.backends.redis.producing.producer import RedisProducer

    producer = RedisProducer(settings)
    try:
        (new,) = producer.enqueue([job])
    finally:
        producer.close()
    if args.json:
        write_json({"id": job.id if new else None, "queue": job.queue, "enqueued": new})
    elif new:
        sys.stdout.write(f"{job.id}\n")
    else:
        sys.stderr.write(f"asok: an unfinished job has the unique key {shown(job.unique or '')}\n")
    return 0 if new else 1


def job_of(args: argparse.Namespace) -> Job:
    """The job that the words describe. Raises UsageError."""
    task = _TASK.fullmatch(args.task)
    if task is None:
        raise UsageError(f"{args.task!r} is not MODULE:FUNCTION, as in shop.tasks:send_mail")
    positional: list[Any] = []
    named: dict[str, Any] = {}
    for word in args.arguments:
        keyword = _KEYWORD.fullmatch(word)
        if keyword:
            named[keyword[1]] = _value(keyword[2])
        elif named:
            raise UsageError(f"{word!r} stands behind a NAME=VALUE; put it before")
        else:
            positional.append(_value(word))
    try:
        check_arguments(positional, named)
    except TypeError as error:
        raise UsageError(str(error)) from None
    return Job(
        new_id(),
        task["module"],
        task["function"],
        tuple(positional),
        named,
        _queue(args.queue),
        _number("--retries", args.retries, whole=True),
        0,
        _number("--backoff", args.backoff, whole=False),
        delay=_delay(args.delay),
        unique=args.unique or None,
    )


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text
    except RecursionError:
        raise UsageError(f"an argument is nested too deeply: {shown(text)}") from None
    except ValueError as error:
        raise UsageError(f"{shown(text)} cannot be read as JSON: {error}") from None


def _queue(name: str) -> str:
    try:
        return parse_queue_name(name)
    except ValueError as error:
        raise UsageError(f"--queue: {error}") from None


def _number(option: str, text: str, *, whole: bool) -> Any:
    try:
        number = int(text) if whole else float(text)
    except ValueError:
        number = -1
    if not 0 <= number <= MAX_RETRIES:
        raise UsageError(f"{option} {text!r} is not a number from 0 to {MAX_RETRIES:,}")
    return int(number) if number == int(number) else number


def _delay(text: str | None) -> float | None:
    if text is None:
        return None
    try:
        return parse_duration(text)
    except ValueError as error:
        raise UsageError(f"--delay: {error}") from None
