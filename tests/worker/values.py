"""Tasks of tests about values: each returns what it was given, so that a value is sent both ways."""

from __future__ import annotations

import asyncio
import collections
import concurrent.futures
import dataclasses
import datetime as dt
import enum
import itertools
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterator
from decimal import Decimal
from pathlib import Path
from types import coroutine
from typing import TYPE_CHECKING, Any, NamedTuple, TypedDict
from uuid import UUID

import msgspec

from asok_core import JobFuture, background

if TYPE_CHECKING:
    from fractions import Fraction


class Colour(enum.Enum):
    RED = "red"
    GREEN = "green"


class ShirtSize(enum.IntEnum):
    SMALL = 1
    LARGE = 2


class Point(NamedTuple):
    x: int
    y: int


@dataclasses.dataclass
class OrderLine:
    article: UUID
    price: Decimal
    count: int = 1


@dataclasses.dataclass
class Order:
    id: int
    placed_at: dt.datetime
    lines: list[OrderLine]
    colour: Colour | None = None
    notes: dict[str, tuple[int, ...]] = dataclasses.field(default_factory=dict)


class Reading(msgspec.Struct):
    at: dt.datetime
    values: list[float]


class Range(TypedDict):
    first: dt.date
    last: dt.date


def plain(value: Any = None) -> Any:
    return value


def unannotated(value):  # type: ignore[no-untyped-def]  # the point of it
    return value


def moment(value: dt.datetime) -> dt.datetime:
    return value


def day(value: dt.date) -> dt.date:
    return value


def hour(value: dt.time) -> dt.time:
    return value


def span(value: dt.timedelta) -> dt.timedelta:
    return value


def price(value: Decimal | None) -> Decimal | None:
    return value


def identity(value: UUID) -> UUID:
    return value


def data(value: bytes) -> bytes:
    return value


def path(value: Path) -> Path:
    return value


def colour(value: Colour) -> Colour:
    return value


def size(value: ShirtSize) -> ShirtSize:
    return value


def pair(value: tuple[int, str]) -> tuple[int, str]:
    return value


def numbers(value: set[int]) -> set[int]:
    return value


def moments(value: frozenset[dt.date]) -> frozenset[dt.date]:
    return value


def names(value: dict[int, str]) -> dict[int, str]:
    return value


def point(value: Point) -> Point:
    return value


def order(value: Order) -> Order:
    return value


def orders(value: list[Order]) -> list[Order]:
    return value


def reading(value: Reading) -> Reading:
    return value


def dates(value: Range) -> Range:
    return value


def keyed(value: dict[str, list[Decimal]]) -> dict[str, list[Decimal]]:
    return value


async def later(value: dt.datetime) -> dt.datetime:
    await asyncio.sleep(0)
    return value


def awaitable(value: dt.datetime) -> Awaitable[dt.datetime]:
    return later(value)


def rows(first: int, *value: tuple[int, Decimal], **named: dt.date) -> list[str]:
    return [repr(each) for each in (first, *value)] + [f"{k}={v!r}" for k, v in named.items()]


def mistaken(value: dt.datetime) -> str:
    """Annotated with one type and given another, as tasks of the framework may be."""
    return f"{type(value).__name__} {value}"


def imported_for_types_only(value: Fraction, when: dt.date) -> dt.date:
    return when


SAMPLES: dict[str, Any] = {
    "datetime": dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
    "Decimal": Decimal("1.5"),
    "UUID": UUID(int=1),
    "bytes": b"x",
    "set": {1},
    "tuple": (1, "a"),
    "keys": {1: "a"},
    "dataclass": OrderLine(UUID(int=1), Decimal(1)),
    "enum": ShirtSize.SMALL,
    "NaN": float("nan"),
}


def sample(kind):  # type: ignore[no-untyped-def]  # the point of it
    return SAMPLES[kind]


def in_order(**named: Any) -> list[str]:
    return list(named)


def fail(value: dt.date) -> None:
    raise ConnectionError(f"{type(value).__name__} {value}")


_spoilt: list[int] = []


def spoil(value: list[Any], number: int = 0) -> list[Any]:
    """Changes what it was given, and fails every other time: with an errno, if there is one."""
    value.append("spoilt")
    _spoilt.append(1)
    if len(_spoilt) % 2:
        raise OSError(number, "no luck") if number else ConnectionError("no luck")
    return value


class Unshowable:
    def __repr__(self) -> str:
        raise RuntimeError("no repr")

    @property  # type: ignore[misc]  # a proxy that may raise
    def __class__(self) -> Any:
        raise RuntimeError("no class")


def counter():  # type: ignore[no-untyped-def]
    return collections.Counter("aab")


def unshowable() -> object:
    return Unshowable()


def large() -> list[int]:
    return list(range(20_000))


def cycle() -> list[Any]:
    found: list[Any] = []
    found.append(found)
    return found


# Tasks of which a call runs nothing.


def generator(path: str) -> Iterator[int]:
    Path(path).touch()
    yield 1


async def async_generator(path: str) -> AsyncIterator[int]:
    Path(path).touch()  # noqa: ASYNC240 - nothing else runs on this loop
    yield 1


def returns_generator(path: str) -> Iterator[int]:
    return generator(path)


def returns_async_generator(path: str) -> AsyncIterator[int]:
    return async_generator(path)


def returns_map(path: str) -> Iterator[None]:
    return map(Path.touch, [Path(path)])


def returns_filter(path: str) -> Iterator[Path]:
    return filter(Path.touch, [Path(path)])


def returns_chain(path: str) -> Iterator[int]:
    return itertools.chain(generator(path))


async def awaits_to_generator(path: str) -> Iterator[int]:
    return generator(path)


# Tasks whose work continues when they return.


async def touch(path: str) -> str:
    await asyncio.sleep(0.01)
    Path(path).touch()  # noqa: ASYNC240 - nothing else runs on this loop
    return "touched"


def hidden_coroutine(path: str) -> Any:
    return touch(path)


async def returns_task(path: str) -> Any:
    return asyncio.get_running_loop().create_task(touch(path))


@coroutine
def old_style(path: str) -> Generator[Any, Any, str]:
    yield from touch(path).__await__()
    return "touched"


class Awaits:
    def __init__(self, path: str) -> None:
        self.path = path

    def __await__(self) -> Generator[Any, Any, str]:
        return touch(self.path).__await__()


def returns_awaitable(path: str) -> Any:
    return Awaits(path)


def returns_future(path: str) -> Any:
    future: concurrent.futures.Future[str] = concurrent.futures.Future()

    def work() -> None:
        Path(path).touch()
        future.set_result("touched")

    threading.Timer(0.05, work).start()
    return future


def foreign_future(path: str) -> Any:
    """A future of an event loop that nothing runs."""
    loop = asyncio.new_event_loop()
    try:
        return loop.create_future()
    finally:
        loop.close()


def returns_job(path: str) -> JobFuture[Any]:
    return background(plain, path, _queue="elsewhere")


RUN_TO_THE_END: tuple[Callable[..., Any], ...] = (
    *(hidden_coroutine, returns_task, old_style, returns_awaitable, returns_future),
)


def waits_forever() -> Any:
    return concurrent.futures.Future()
