"""One run of a task, wherever it runs: coroutines, soft timeout, what is kept of its end."""

from __future__ import annotations

import asyncio
import inspect
import itertools
import json
import traceback
from collections.abc import Callable, Coroutine, Mapping, Sequence
from pathlib import Path
from typing import Any

from asok_core.deadline import soft_deadline
from asok_core.errors import JobTimeout

_CUT = "... (cut)"
_EVENT_LOOP = str(Path(asyncio.__file__).parent)
# json.dumps makes an encoder anew for each call that names an option.
_encode = json.JSONEncoder(allow_nan=False).encode
_CONSTANTS = {None: "null", False: "false", True: "true"}


def run(
    function: Callable[..., Any],
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    timeout: float | None = None,
) -> Any:
    """Call the task in this thread and return its result.

    A coroutine runs to its end on an event loop of its own, in this thread and context.

    Raises:
        JobTimeout: It ran longer than ``timeout`` seconds.
        BaseException: Whatever the task raises.
    """
    with soft_deadline(timeout):
        result = function(*args, **kwargs)
        if not inspect.iscoroutine(result):
            return result
    return asyncio.run(_awaited(result, timeout))


async def _awaited(coroutine: Coroutine[Any, Any, Any], seconds: float | None) -> Any:
    limit = asyncio.timeout(seconds)
    try:
        async with limit:
            return await coroutine
    except TimeoutError as error:
        if limit.expired():
            raise JobTimeout(f"it ran longer than its timeout of {seconds:g} s") from error
        raise


def describe(error: BaseException) -> str:
    """``repr`` of an error, as log lines show it, whatever its ``__repr__`` does."""
    try:
        return repr(error)
    except Exception:  # noqa: BLE001 - a broken __repr__ must not hide that the task failed
        return f"{type(error).__name__}(...)"


def traceback_text(error: BaseException, limit: int) -> str:
    """The traceback of an error as text of at most ``limit`` bytes; its end is what is kept.

    It begins with the task's own first frame: how we called it tells nobody anything.
    """
    try:
        told = traceback.TracebackException.from_exception(error, compact=True)
        _leave_out_ours(told)
        text = "".join(told.format())
    except Exception:  # noqa: BLE001 - a broken __str__ must not hide that the task failed
        text = describe(error)
    encoded = text.encode("utf-8", "backslashreplace")
    if len(encoded) > limit:
        encoded = _CUT.encode() + b"\n" + encoded[-max(limit - len(_CUT) - 1, 0) :]
    return encoded.decode("utf-8", "replace")


def _leave_out_ours(told: traceback.TracebackException) -> None:
    each: traceback.TracebackException | None = told
    while each is not None:
        frames = iter(list(each.stack))
        if any(frame.filename == __file__ for frame in frames):
            each.stack[:] = list(itertools.dropwhile(_is_ours, frames))
        each = each.__cause__ or (None if each.__suppress_context__ else each.__context__)


def _is_ours(frame: traceback.FrameSummary) -> bool:
    return frame.filename == __file__ or frame.filename.startswith(_EVENT_LOOP)


def result_text(result: object, limit: int) -> str:
    """The JSON text that a record keeps of a result: always valid JSON of about ``limit`` bytes.

    What JSON cannot carry is kept as a string that holds its ``repr``; what is larger than
    ``limit`` as a string that holds the beginning of its JSON text.
    """
    if result is None or isinstance(result, bool):
        return _CONSTANTS[result]
    try:
        text = _encode(result)
    except Exception:  # noqa: BLE001 - a result of any type must not fail a job that is done
        try:
            text = json.dumps(repr(result))
        except Exception:  # noqa: BLE001
            text = json.dumps(f"<{type(result).__name__}>")
    if len(text) <= limit:
        return text
    return json.dumps(text[: max(limit - len(_CUT) - 2, 0)] + _CUT)
