"""Gives a program the clock of a machine that is wrong by ``CLOCK_SHIFT`` seconds.

A program that has this file's folder on its PYTHONPATH imports it before anything else.
"""

from __future__ import annotations

import datetime as dt
import os
import time

_SHIFT = float(os.environ.get("CLOCK_SHIFT", "0"))
_time, _time_ns, _now = time.time, time.time_ns, dt.datetime.now


class _Shifted(dt.datetime):
    @classmethod
    def now(cls, tz: dt.tzinfo | None = None) -> dt.datetime:  # type: ignore[override]
        return _now(tz) + dt.timedelta(seconds=_SHIFT)


time.time = lambda: _time() + _SHIFT
time.time_ns = lambda: _time_ns() + int(_SHIFT * 1e9)
dt.datetime = _Shifted  # type: ignore[misc]
