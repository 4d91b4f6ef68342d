"""Exceptions as text, in bounded size and time.

``__str__``, ``__repr__`` and other methods of an exception are code of the application: they may
raise, call ``sys.exit``, never return, or return 100 MiB. They are called with limits here, so that
a failed job always has an outcome.
"""

from __future__ import annotations

import asyncio
import itertools
import traceback
from collections import deque
from collections.abc import Callable, Hashable, Iterator
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, TypeVar, cast

from asok_core import compat
from asok_core.runtime.bounded import MOST_ABANDONED, call_within

PATIENCE = 3.0
"""Seconds that creating the text of an exception may take."""
LONGEST_LINE = 500
LONGEST_REPR = 2_000
"""Characters."""
LONGEST_TRACEBACK = 20_000
"""Bytes of the traceback of an exception in a hook or callback."""

_CUT = "... (cut)"
_BROKEN_TEXT = "<exception str() failed>"  # as in the standard library
_NO_TEXT = (
    f"(no text: str() raised an exception, took longer than {PATIENCE:g} s, or was not called "
    f"because {MOST_ABANDONED} other calls hang)"
)
_SMALL = (int, float, bool, type(None))
_LONGEST_ARGUMENT = 10_000
_MOST_CHAINED = 20
_LIMIT = str(Path(__file__).with_name("deadline.py"))
_EVENT_LOOP = str(Path(asyncio.__file__).parent)

T = TypeVar("T")

CALLERS: set[str] = set()
"""Files that call tasks; each adds itself. Tracebacks begin after their last frame of these."""


class Failure(NamedTuple):
    """The text of an exception.

    ``line`` is ``Type: text`` in one line. ``traceback`` begins with the first frame of the task,
    without our frames.
    """

    line: str
    traceback: str

    @classmethod
    def of_line(cls, line: str) -> Failure:
        """A failure without a traceback, which was not raised by a task."""
        line = _storable(line)
        return cls(line, line)


def failure_of(error: BaseException, limit: int) -> Failure:
    """The text of ``error``, with the last ``limit`` bytes of its traceback. Never raises."""
    line: list[str] = []

    def make() -> str:
        # First, so that it is available even if the rest takes too long.
        line.append(_line_of(error))
        return _traceback_of(error, limit)

    trace = _made(error, make)
    known = line[0] if line else f"{name_of(error)}: {_NO_TEXT}"
    return Failure(known, trace or _last([*_frames_of(error), f"{known}\n"], limit))


def shown(error: BaseException) -> str:
    """``repr`` of an exception, of limited length. Never raises."""
    return _made(error, lambda: repr(error)[:LONGEST_REPR]) or f"{name_of(error)}(...)"


def _made(error: BaseException, make: Callable[[], T]) -> T | None:
    """The result of ``make``; None if it raises or takes too long."""
    try:
        if _is_harmless(error):
            # Only the standard library is called, so no separate thread is needed.
            return make()
    except Exception:  # noqa: BLE001 - such as a MemoryError
        return None
    return call_within(PATIENCE, make, None)


def _line_of(error: BaseException) -> str:
    try:
        # The text may be a subclass of str, whose slices call other code.
        text = str.__getitem__(str(error), slice(4 * LONGEST_LINE))
    except BaseException:  # noqa: BLE001 - a broken __str__ must not hide that the task failed
        return f"{name_of(error)}: {_BROKEN_TEXT}"
    line = " ".join(_storable(text).split())[:LONGEST_LINE]
    return f"{name_of(error)}: {line}" if line else name_of(error)


def _storable(text: str) -> str:
    """``text`` with lone surrogates escaped, as a file name may contain them."""
    return text.encode("utf-8", "backslashreplace").decode()


def _traceback_of(error: BaseException, limit: int) -> str:
    report = traceback.TracebackException.from_exception(error, compact=True)
    for each in _all_of(report):
        _leave_out_ours(each)
        _cut_texts(each, limit)
    return _last(report.format(), limit)


def _frames_of(error: BaseException) -> Iterator[str]:
    trace: TracebackType | None = BaseException.__dict__["__traceback__"].__get__(error)
    frames = [(each.f_code, number) for each, number in traceback.walk_tb(trace)]
    outer = [at for at, (code, _) in enumerate(frames) if code.co_filename in CALLERS]
    if frames:
        yield "Traceback (most recent call last):\n"
    for code, number in frames[outer[-1] + 1 if outer else 0 :]:
        yield f'  File "{code.co_filename}", line {number}, in {code.co_name}\n'


def name_of(error: BaseException) -> str:
    """The name of an exception's class. Never raises, whatever its metaclass does."""
    name: str = type.__dict__["__name__"].__get__(type(error))
    return name


# Size


def _last(texts: Iterator[str] | list[str], limit: int) -> str:
    """The last ``limit`` bytes of some texts, without joining all of them."""
    kept: deque[str] = deque()
    size = 0
    cut = False
    for text in texts:
        part = text[-limit:]
        cut = cut or len(part) < len(text)
        kept.append(part)
        size += len(part)
        while size - len(kept[0]) >= limit:
            size -= len(kept.popleft())
            cut = True
    encoded = "".join(kept).encode("utf-8", "backslashreplace")
    if cut or len(encoded) > limit:
        encoded = _CUT.encode() + b"\n" + encoded[-max(limit - len(_CUT) - 1, 0) :]
    return encoded.decode("utf-8", "replace")


def _cut_texts(report: traceback.TracebackException, limit: int) -> None:
    compat.cut_message(report, limit)
    notes = getattr(report, "__notes__", None)
    if isinstance(notes, list):
        report.__notes__ = [str(note)[-limit:] for note in notes[-100:]]


def _all_of(report: traceback.TracebackException) -> Iterator[traceback.TracebackException]:
    waiting, seen = [report], set[int]()
    while waiting:
        each = waiting.pop()
        if id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        beside = [each.__cause__, each.__context__, *(getattr(each, "exceptions", None) or ())]
        waiting += [other for other in beside if other is not None]


def _leave_out_ours(report: traceback.TracebackException) -> None:
    outer = [at for at, frame in enumerate(report.stack) if frame.filename in CALLERS]
    if outer:
        report.stack[:] = list(itertools.dropwhile(_is_ours, list(report.stack)[outer[0] :]))


def _is_ours(frame: traceback.FrameSummary) -> bool:
    return (
        frame.filename in CALLERS
        or frame.filename == _LIMIT
        or frame.filename.startswith(_EVENT_LOOP)
    )


# Exceptions that need no separate thread


def _is_harmless(error: BaseException) -> bool:
    """Whether creating the text only calls the standard library, with small values."""
    waiting, seen = [error], set[int]()
    while waiting:
        each = waiting.pop()
        if id(each) in seen:
            continue
        seen.add(id(each))
        if len(seen) > _MOST_CHAINED or not _is_harmless_type_of(each):
            return False
        notes = getattr(each, "__notes__", ())
        if type(notes) is not list and type(notes) is not tuple:
            return False
        values = [*each.args, *notes]
        if isinstance(each, BaseExceptionGroup):
            inner = _inside(each)
            if inner is None:
                return False
            # The text of a group is its message; the errors in it have their own.
            values = [each.message, *each.args[:1], *notes]
            waiting += inner
        if isinstance(each, OSError):
            values += (each.filename, each.filename2)
        if not all(map(_is_harmless_value, values)):
            return False
        waiting += [other for other in (each.__cause__, each.__context__) if other is not None]
    return True


def _inside(group: BaseExceptionGroup[BaseException]) -> list[BaseException] | None:
    """The errors of a group, and those in its repr; None if that may call other code."""
    args: tuple[object, ...] = group.args
    if len(args) != 2 or (type(args[1]) is not list and type(args[1]) is not tuple):
        return None
    listed = cast("list[object]", args[1])
    if not all(issubclass(type(each), BaseException) for each in listed):
        return None
    return [*group.exceptions, *cast("list[BaseException]", listed)]


def _is_harmless_value(value: object) -> bool:
    kind = type(value)
    # Not isinstance(), which reads ``__class__``; not a set, which hashes by the metaclass.
    if any(kind is each for each in _SMALL):
        return True
    return (kind is str or kind is bytes) and len(cast("str | bytes", value)) < _LONGEST_ARGUMENT


def _is_harmless_type_of(error: BaseException) -> bool:
    kind = type(error)
    # A metaclass may define __hash__ and __eq__, which the cache calls.
    return type(kind) is type and _is_harmless_type(cast("Hashable", kind))


@lru_cache(maxsize=1024)
def _is_harmless_type(kind: Hashable) -> bool:
    assert isinstance(kind, type), "it is the type of an exception"
    # NameError, AttributeError and ImportError are missing: they call dir() of other objects.
    odd = (SyntaxError, NameError, AttributeError, ImportError)
    if kind in _GROUPS:
        return True
    if issubclass(kind, (*odd, BaseExceptionGroup)) or kind.__str__ not in _TEXTS:
        return False
    own = [each for each in kind.__mro__ if each.__module__ != "builtins"]
    return not any(_LOOKED_UP & each.__dict__.keys() for each in own)


_GROUPS = (ExceptionGroup, BaseExceptionGroup)
_TEXTS = frozenset({BaseException.__str__, KeyError.__str__, OSError.__str__})
_LOOKED_UP = frozenset(
    {
        "__str__", "__repr__", "__getattribute__", "__getattr__", "__class__", "args", "__notes__",
        "__cause__", "__context__", "__suppress_context__", "__traceback__",
    }
)  # fmt: skip
