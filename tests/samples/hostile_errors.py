"""Exceptions whose text cannot be created, by name."""

from __future__ import annotations

import sys
import threading
import time
from typing import Any, NoReturn

LET_GO = threading.Event()
"""Set at the end of a test, so that hanging calls return. Nothing else ends them, as they wait in
C."""


def _leave(*_: object) -> NoReturn:
    sys.exit(3)


class Raises(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text for you")

    __repr__ = __str__


class ExitsWhenRead(Exception):
    __str__ = __repr__ = __reduce__ = _leave


class HangsInC(Exception):
    def __str__(self) -> str:
        LET_GO.wait(600)
        return "late"

    __repr__ = __str__


class HangsInPython(Exception):
    def __str__(self) -> str:
        end = time.monotonic() + 600
        while time.monotonic() < end:
            pass
        return "late"

    __repr__ = __str__


class Huge(Exception):
    def __str__(self) -> str:
        return "begin " + "x" * 100_000_000 + " end"


class Recurses(Exception):
    def __str__(self) -> str:
        return f"{self}"

    __repr__ = __str__


class _Nameless(type):
    __name__: Any = property(_leave)

    def __getattribute__(cls, name: str) -> Any:
        raise SystemExit(4)


class OfNoClass(Exception, metaclass=_Nameless):
    pass


class OfAnyClass(Exception):
    __class__ = property(_leave)
    __cause__ = property(_leave)
    __traceback__ = property(_leave)
    args = property(_leave)


class NotText(Exception):
    def __str__(self) -> str:
        return 7  # type: ignore[return-value]  # noqa: PLE0307 - that is the point

    __repr__ = __str__


class Annotated(Exception):
    def __init__(self) -> None:
        self.__notes__ = [Raises(), ExitsWhenRead()]  # type: ignore[list-item]


KINDS: dict[str, type[Exception]] = {
    "Raises": Raises,
    "Exits": ExitsWhenRead,
    "Huge": Huge,
    "Recurses": Recurses,
    "OfNoClass": OfNoClass,
    "OfAnyClass": OfAnyClass,
    "NotText": NotText,
    "Annotated": Annotated,
    "HangsInC": HangsInC,
    "HangsInPython": HangsInPython,
}


def throw(kind: str) -> None:
    raise KINDS[kind]


def throw_from(kind: str) -> None:
    """Only the cause is hostile."""
    try:
        throw(kind)
    except Exception as error:
        raise ValueError("caused by it") from error
