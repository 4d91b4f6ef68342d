"""A call that can be enqueued: the function, its arguments and the options of its job."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields, replace
from datetime import timedelta
from functools import lru_cache
from typing import Any, Literal, cast

from asok_core.jobs.checks import (
    Delay,
    Moment,
    epoch_of,
    expect,
    expect_moment,
    expect_number,
    seconds_of,
)
from asok_core.jobs.declared_limits import DeclaredLimit
from asok_core.jobs.job import LIMIT, MAX_RETRIES, REDACT, RETRY, Job
from asok_core.jobs.plain import described
from asok_core.jobs.retry_rules import NO_RULES, RetryRules
from asok_core.settings.durations import LONGEST_KEPT
from asok_core.settings.kinds import is_text, parse_name_pattern, parse_queue_name
from asok_core.suggestions import did_you_mean

Kept = bool | float | timedelta

_LONGEST_UNIQUE = 200
_good_queue_name = lru_cache(maxsize=256)(parse_queue_name)


@dataclass(frozen=True, slots=True)
class Options:
    """The options of a job. Durations are seconds.

    queue: The queue.
    retries: How often it is retried after a failure.
    backoff: The n-th retry comes ``backoff ** n`` seconds after the failure.
    timeout: JobTimeout is raised in a task that runs longer; None for no limit.
    delay: The job is due after this time (seconds or timedelta), or
    at: at this time (an aware datetime, or seconds since the epoch).
    unique: While a job with this key is unfinished, another is not enqueued.
    keep_result: False does not store the result; the record is kept for ASOK_RECORD_TTL. Seconds
    or a timedelta replace ASOK_RECORD_TTL for the record of the completed job.
    redact: Names (with * and ?) of arguments whose values are not shown, logged or exported.
    rules: Which exceptions are retried, and when, beyond ``retries`` and ``backoff``.
    limit: How many jobs of the task run at once or start in a time; None for no limit.

    Raises ValueError or TypeError that names the option.
    """

    queue: str = "default"
    retries: int = 0
    backoff: float = 2
    timeout: float | None = None
    delay: Delay | None = None
    at: Moment | None = None
    unique: str | None = None
    keep_result: Kept | None = None
    redact: tuple[str, ...] = ()
    rules: RetryRules = NO_RULES
    limit: DeclaredLimit | None = None

    def __post_init__(self) -> None:
        expect("_queue", self.queue, str, "a string")
        _good_queue_name(self.queue)
        expect("_retries", self.retries, int, "a whole number")
        if not 0 <= self.retries <= MAX_RETRIES:
            raise ValueError(f"_retries is {self.retries}; it must be from 0 to {MAX_RETRIES}")
        if expect_number("_backoff", self.backoff) < 0:
            raise ValueError(f"_backoff is {self.backoff}; it must be 0 or more")
        if self.timeout is not None and expect_number("_timeout", self.timeout) <= 0:
            raise ValueError(f"_timeout is {self.timeout}; it must be more than 0 seconds, or None")
        self._check_start()
        if self.keep_result is not None and not isinstance(self.keep_result, bool):
            what = "True, False, a number or a timedelta"
            expect("_keep_result", self.keep_result, (int, float, timedelta), what)
            if not 1 <= expect_number("_keep_result", seconds_of(self.keep_result)) <= LONGEST_KEPT:
                raise ValueError(
                    f"_keep_result is {self.keep_result}; it must be True, False, or a duration of 1 "
                    "second to 10 years"
                )
        if self.redact:
            _check_names(self.redact)
        if self.unique is not None:
            expect("_unique", self.unique, str, "a string")
            if not is_text(self.unique):
                raise ValueError("_unique is not UTF-8 text")
            if not 0 < len(self.unique) <= _LONGEST_UNIQUE:
                raise ValueError(
                    f"_unique has {len(self.unique)} characters; it must have 1 to {_LONGEST_UNIQUE}"
                )

    def _check_start(self) -> None:
        if self.delay is not None:
            if self.at is not None:
                raise ValueError("_delay and _at are both given; specify only one")
            if expect_number("_delay", seconds_of(self.delay)) < 0:
                raise ValueError(f"_delay is {self.delay}; it must be 0 seconds or more")
        if self.at is not None:
            expect_moment("_at", self.at)

    @property
    def kept(self) -> float | Literal[False] | None:
        """``keep_result`` as in a job: False, seconds, or None for the default of the settings."""
        if self.keep_result is None or isinstance(self.keep_result, bool):
            return False if self.keep_result is False else None
        return seconds_of(self.keep_result)

    @property
    def delay_seconds(self) -> float | None:
        """The delay in seconds; None if there is none, or if the job has a start time."""
        return (seconds_of(self.delay) or None) if self.delay is not None else None

    def due_at(self, now: float) -> float | None:
        """When the job is due, epoch seconds; None if it is due at once."""
        if self.delay is not None:
            seconds = self.delay_seconds
            return now + seconds if seconds else None
        return None if self.at is None else epoch_of(self.at)


def _check_names(names: object) -> None:
    expect("redact", names, tuple, "a tuple of names")
    for name in cast("tuple[object, ...]", names):
        expect("redact", name, str, "a tuple of names")
        parse_name_pattern(cast("str", name))


NO_OPTIONS = Options()
OPTIONS_ATTRIBUTE = "__asok_options__"
"""The attribute of a ``@task`` with the options of its declaration."""
_FUNCTION_ATTRIBUTE = "__asok_function__"
"""The attribute of a ``@task`` with the function that its jobs run."""
_OPTION_NAMES = frozenset(
    f"_{field.name}" for field in fields(Options) if field.name not in ("redact", "rules", "limit")
)


def function_of(task: Callable[..., Any]) -> Callable[..., Any]:
    """The function of a ``@task``; any other callable unchanged."""
    found: Callable[..., Any] = getattr(task, _FUNCTION_ATTRIBUTE, task)
    return found


@dataclass(slots=True)  # Mutable: creation is three times faster.
class Call:
    """A function, its arguments and options, not enqueued yet."""

    function: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    options: Options = NO_OPTIONS

    def job(
        self,
        job_id: str,
        names: tuple[str, str],
        now: float,
        request: Mapping[str, Any] | None = None,
        redact: Mapping[str, Any] | None = None,
    ) -> Job:
        """The job of this call. ``names`` are module and function, ``now`` epoch seconds."""
        options, due_at, delay = self.options, None, None
        extra: dict[str, Any] = {} if redact is None else {REDACT: redact}
        if options.rules is not NO_RULES:
            # Also where it is never retried: it may resume from a checkpoint.
            limited = options.timeout is not None
            sent = options.rules.delays_and_timeouts if limited else options.rules.delays
            # Without further keys an envelope is written and read faster.
            if sent:
                extra[RETRY] = sent
        if options.limit is not None:
            extra[LIMIT] = options.limit.sent
        if options.delay is not None or options.at is not None:
            due_at, delay = options.due_at(now), options.delay_seconds
        return Job(
            id=job_id,
            module=names[0],
            function=names[1],
            args=self.args,
            kwargs=self.kwargs,
            queue=options.queue,
            retries=options.retries,
            backoff=options.backoff,
            enqueued_at=now,
            due_at=due_at,
            timeout=options.timeout,
            unique=options.unique,
            request=request,
            delay=delay,
            keep_result=options.kept,
            extra=extra,
        )


def make_call(fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Call:
    """The call for the arguments of ``background``. Raises what :class:`Options` raises.

    Options that are not given are those of the ``@task`` declaration. Raises TypeError for a
    keyword that begins like an option and is neither one nor a parameter of the function.
    """
    own: Options = getattr(fn, OPTIONS_ATTRIBUTE, NO_OPTIONS)
    if not kwargs:
        return Call(fn, args, kwargs, own)
    given = {name[1:]: kwargs.pop(name) for name in _OPTION_NAMES.intersection(kwargs)}
    for name in kwargs:
        if name.startswith("_") and not _takes(fn, name):
            raise TypeError(_unknown(name))
    return Call(fn, args, kwargs, replace(own, **given) if given else own)


def task_call(
    function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], options: Options
) -> Call:
    """The call of a task with the options of its declaration.

    Raises TypeError for an option among the arguments, as it would be passed to the task.
    """
    option = misplaced_option(function, kwargs)
    if option:
        raise TypeError(
            f"{option} is an option of background(); set it on the task before the call, as in "
            f"send.options({option[1:]}=...).delay(1)"
        )
    return Call(function, args, kwargs, options)


def misplaced_option(function: Callable[..., Any], kwargs: Iterable[str]) -> str:
    """The first keyword that is the name of an option and not of a parameter of the task.

    Raises TypeError for one that begins like an option and is neither an option nor a parameter.
    """
    for name in kwargs:
        if name.startswith("_"):
            if name in _OPTION_NAMES and not _takes(function, name, exactly=True):
                return name
            if not _takes(function, name):
                raise TypeError(_unknown(name))
    return ""


def _takes(function: Callable[..., Any], name: str, *, exactly: bool = False) -> bool:
    """Whether a function has a parameter for a keyword argument; ``exactly``: one of that name."""
    from asok_core.jobs.annotations import annotations_of

    notes = annotations_of(function_of(function))
    found = notes.parameter(name)
    if found is None:
        return not notes.known
    return not exactly or found.name == name


def _unknown(name: str) -> str:
    hint = did_you_mean(name, _OPTION_NAMES)
    options = ", ".join(sorted(_OPTION_NAMES))
    return f"{name} is neither an option ({options}) nor a parameter of the task{hint}"


def checked_calls(calls: Iterable[Call]) -> tuple[Call, ...]:
    """The calls that ``background_many`` was given. Raises TypeError for other values."""
    if not isinstance(calls, Iterable):
        raise TypeError(f"background_many is given {described(calls)}, {_CALLS}")
    given = tuple(calls)
    for at, each in enumerate(given):
        if not isinstance(each, Call):
            raise TypeError(f"background_many is given {described(each)} at [{at}], {_CALLS}")
    return given


_CALLS = "not calls: pass a list of them, each made as in call(send, 1)"
