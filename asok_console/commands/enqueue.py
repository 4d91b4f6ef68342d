"""``asok enqueue``: one job from a timer, a cron line or a shell."""

from __future__ import annotations

import argparse
import contextlib
import json
import re
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from asok_console.commands.support.app_folder import app_folder
from asok_console.commands.support.documents import say, write_json
from asok_core.errors import AsokError, TaskNotFound, UsageError
from asok_core.execution.import_path import add_application_folder
from asok_core.execution.task_modules import TaskModules
from asok_core.execution.tasks import check_runs, import_all, resolve
from asok_core.inspection.redaction import mark
from asok_core.jobs.calls import NO_OPTIONS, OPTIONS_ATTRIBUTE, Call, Options, misplaced_option
from asok_core.jobs.codec import check_arguments
from asok_core.jobs.job import MAX_RETRIES, new_id
from asok_core.operations.inspector import on_redis
from asok_core.settings.declaration import SettingKind, parse_option, shown
from asok_core.settings.kinds import DURATION, KEPT, parse_queue_name, whole_number
from asok_core.settings.settings import Settings

_TASK = re.compile(r"(?P<module>[^\W\d]\w*(?:\.[^\W\d]\w*)*):(?P<function>[^\W\d]\w*)")
_KEYWORD = re.compile(r"([^\W\d]\w*)=(.*)", re.DOTALL)
_HINT = "(see asok enqueue --help)"


def _number(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        raise ValueError from None
    return int(number) if number.is_integer() else number


def _kept(text: str) -> bool | float:
    words = {"yes": True, "true": True, "on": True, "no": False, "false": False, "off": False}
    word = text.lower()
    # 1 and 0 are numbers of seconds here.
    return words[word] if word in words else KEPT.parse(text)


_QUEUE = SettingKind(parse_queue_name, "the name of a queue")
_NUMBER = SettingKind(_number, "a number of seconds such as 2 or 1.5")
_KEPT = SettingKind(_kept, f"yes, no, or {KEPT.allowed}")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("task", metavar="MODULE:FUNCTION", help="the function that a worker calls")
    parser.add_argument(
        "arguments",
        metavar="ARG",
        nargs="*",
        default=[],
        help="VALUE or NAME=VALUE; each is parsed as JSON; otherwise it is a string",
    )
    parser.add_argument("--queue", metavar="QUEUE", help="[that of @task, else default]")
    parser.add_argument(
        "--retries", metavar="N", help="how often it may run again [that of @task, else 0]"
    )
    parser.add_argument(
        "--backoff",
        metavar="SECONDS",
        help="wait SECONDS ** n before the n-th retry [that of @task, else 2]",
    )
    parser.add_argument(
        "--timeout",
        metavar="DURATION",
        help="raise JobTimeout in a task that runs longer [that of @task, else no limit]",
    )
    parser.add_argument(
        "--delay", metavar="DURATION", help="start this much later, as in 90s or 2h"
    )
    parser.add_argument("--unique", metavar="KEY", help="only if no unfinished job has this key")
    parser.add_argument(
        "--keep-result",
        metavar="DURATION",
        help="how long the record of the completed job stays, its result in it; no: do not store the "
        "result; yes: as long as ASOK_RECORD_TTL [that of @task, else yes]",
    )
    parser.add_argument(
        "--no-import",
        action="store_true",
        help="do not import the task here to read the options of its @task",
    )
    parser.add_argument("--json", action="store_true", help="one JSON document")
    parser.add_argument("--url", metavar="URL", help="Redis URL (overrides ASOK_REDIS_URL)")


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Enqueue the job and print its id. Returns 1 where its unique key is taken."""
    settings = on_redis(settings, args.url)
    # With all that it imports, before the application's folder is on the path.
    from asok_core.backends.redis.producing.producer import RedisProducer

    producer = RedisProducer(settings)
    try:
        allowed = TaskModules(settings.task_modules)
        names = _names(args.task, allowed)
        call = _call(args, names, settings)
        marks = mark(
            call.function, len(call.args), call.options.redact, always=bool(settings.redact)
        )
        job = call.job(new_id(), names, producer.now(), redact=marks)
        (new,) = producer.enqueue([job])
    except UsageError as error:
        raise UsageError(f"{error} {_HINT}") from None
    finally:
        producer.close()
    if args.json:
        write_json({"id": job.id if new else None, "queue": job.queue, "enqueued": new})
    elif new:
        sys.stdout.write(f"{job.id}\n")
    else:
        say(f"asok: an unfinished job has the unique key {shown(job.unique or '')}")
    return 0 if new else 1


def _names(text: str, allowed: TaskModules) -> tuple[str, str]:
    task = _TASK.fullmatch(text)
    if task is None:
        raise UsageError(f"{shown(text)} is not MODULE:FUNCTION, as in shop.tasks:send_mail")
    names = task["module"], task["function"]
    if why := allowed.refusal(*names):
        raise UsageError(why)
    return names


def _call(args: argparse.Namespace, names: tuple[str, str], settings: Settings) -> Call:
    """The call that the command line describes. Raises UsageError."""
    positional, named = _arguments(args.arguments)
    given = _given(args)
    _options(NO_OPTIONS, given)  # A mistake is reported before the application is imported.
    function, own = (_not_here, NO_OPTIONS) if args.no_import else _found(*names, settings)
    _check_names(function, named)
    return Call(function, tuple(positional), named, _options(own, given))


def _found(module: str, function: str, settings: Settings) -> tuple[Callable[..., Any], Options]:
    """The task and the options of its ``@task``, as far as they can be known here.

    Raises UsageError where the module is here and has no such task.
    """
    try:
        return _imported(module, function, settings)
    except AsokError as error:
        if module in sys.modules:
            raise UsageError(f"{error}; to enqueue it nevertheless, add --no-import") from None
        why, cause = str(error), error.__cause__
        if cause is not None and str(cause) not in why:
            why = f"{why}: {type(cause).__name__}: {cause}"
        say(
            f"asok: {why}; the options of its @task are not known here, and only those of the "
            "command line are used (--no-import leaves out the attempt)"
        )
        return _not_here, NO_OPTIONS


_INSTEAD = {
    **{f"_{name}": f"write --{name} VALUE" for name in ("queue", "retries", "backoff", "unique")},
    **{f"_{name}": f"write --{name} DURATION" for name in ("timeout", "delay")},
    "_keep_result": "write --keep-result DURATION",
    "_at": "write --delay DURATION",
}
"""What stands for an option of the library on the command line."""


def _check_names(function: Callable[..., Any], named: dict[str, Any]) -> None:
    """Raise UsageError for an option of the library among the arguments of the task."""
    try:
        option = misplaced_option(function, named)
    except TypeError as error:
        raise UsageError(str(error)) from None
    if option:
        raise UsageError(
            f"{option}=... would be an argument of the task, not an option: "
            f"{_INSTEAD.get(option, 'it is for calls in Python')}"
        )


def _not_here(**_: object) -> None:
    """Take the place of a task that cannot be imported here."""


def _imported(module: str, function: str, settings: Settings) -> tuple[Callable[..., Any], Options]:
    """The task and the options it was declared with. Raises AsokError."""
    add_application_folder(app_folder(None, settings))
    # What the application prints while it is imported must not be taken for a job's id.
    with contextlib.redirect_stdout(sys.stderr):
        import_all(settings.imports or ())
        task = resolve(module, function, TaskModules(settings.task_modules))
    declared = getattr(sys.modules[module], function)
    try:
        check_runs(task)
    except ValueError as error:
        raise TaskNotFound(str(error)) from None
    return task, getattr(declared, OPTIONS_ATTRIBUTE, NO_OPTIONS)


def _options(own: Options, given: dict[str, Any]) -> Options:
    try:
        return replace(own, **given)
    except (TypeError, ValueError) as error:
        # The library names its keyword arguments, and ours are named alike.
        raise UsageError(re.sub(r"\b_([a-z]+) (?=is|has)", r"--\1 ", str(error))) from None


def _given(args: argparse.Namespace) -> dict[str, Any]:
    """The options of the command line, by their names in ``Options``."""
    kinds: dict[str, SettingKind[Any]] = {
        "queue": _QUEUE,
        "retries": whole_number(0, MAX_RETRIES),
        "backoff": _NUMBER,
        "timeout": DURATION,
        "delay": DURATION,
        "keep_result": _KEPT,
    }
    found: dict[str, Any] = {
        name: parse_option(f"--{name.replace('_', '-')}", kind, text)
        for name, kind in kinds.items()
        if (text := getattr(args, name)) is not None
    }
    return found if args.unique is None else {**found, "unique": args.unique}


def _arguments(words: list[str]) -> tuple[list[Any], dict[str, Any]]:
    positional: list[Any] = []
    named: dict[str, Any] = {}
    for word in words:
        keyword = _KEYWORD.fullmatch(word)
        if keyword:
            if keyword[1] in named:
                raise UsageError(f"argument {keyword[1]} is given twice")
            named[keyword[1]] = _value(keyword[2])
        elif named:
            raise UsageError(f"{shown(word)}: positional arguments must come before NAME=VALUE")
        else:
            positional.append(_value(word))
    try:
        check_arguments(positional, named)
    except TypeError as error:
        raise UsageError(str(error)) from None
    return positional, named


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text
    except RecursionError:
        raise UsageError(f"an argument is nested too deeply: {shown(text)}") from None
    except ValueError as error:
        raise UsageError(f"{shown(text)} cannot be read as JSON: {error}") from None
