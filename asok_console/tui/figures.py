"""Figures as the console's columns show them: short, aligned, with their unit."""

from __future__ import annotations

from itertools import pairwise

MINUTE, HOUR, DAY = 60, 3600, 86_400

BARS = " ▁▂▃▄▅▆▇█"


def count(number: int | None) -> str:
    """``1,204`` up to a million, then ``1.20M``; a dash for what is not known."""
    if number is None:
        return "–"
    if abs(number) < 1_000_000:
        return f"{number:,}"
    if abs(number) < 1_000_000_000:
        return f"{number / 1e6:.2f}M"
    return f"{number / 1e9:.2f}G"


def jobs(number: int) -> str:
    """``1 job``, ``1,204 jobs``."""
    return f"{number:,} {'job' if number == 1 else 'jobs'}"


def rate(per_second: float | None) -> str:
    """Per second: ``0``, ``0.25``, ``12.3``, ``140``, ``1.2k``."""
    if per_second is None:
        return "–"
    if per_second <= 0:
        return "0"
    if per_second < 1:
        return f"{max(per_second, 0.01):.2f}"
    if per_second < 100:
        return f"{per_second:.1f}"
    return f"{per_second:.0f}" if per_second < 1000 else f"{per_second / 1000:.1f}k"


def percent(part: float | None) -> str:
    """``0 %``, ``<1 %``, ``12 %``."""
    if part is None:
        return "–"
    if 0 < part < 0.01:
        return "<1 %"
    return f"{min(part, 1) * 100:.0f} %"


def span(seconds: float | None) -> str:
    """A length of time in at most 6 cells: ``5 s``, ``3 min``, ``2h 05``, ``4 d``."""
    if seconds is None:
        return "–"
    seconds = max(seconds, 0)
    if seconds < MINUTE:
        return f"{seconds:.0f} s" if seconds < 59.5 else "1 min"
    if seconds < HOUR:
        return f"{seconds // MINUTE:.0f} min"
    if seconds < DAY:
        return f"{seconds // HOUR:.0f}h {seconds % HOUR // MINUTE:02.0f}"
    return f"{seconds // DAY:,.0f} d" if seconds < 36_525 * DAY else "ages"


def ago(then: float | None, now: float) -> str:
    """The age of a moment: ``5 s``; a moment to come is ``now``, since clocks differ a little."""
    if then is None:
        return "–"
    return span(now - then) if now - then > -1 else f"in {span(then - now)}"


def until(then: float | None, now: float) -> str:
    """How long until a moment: ``in 5 s``, ``due``."""
    if then is None:
        return "–"
    return f"in {span(then - now)}" if then - now >= 0.5 else "due"


def milliseconds(ms: float | None) -> str:
    """``0.4 ms``, ``12 ms``, ``1.2 s``, ``3 min``."""
    if ms is None:
        return "–"
    if ms < 10:
        return f"{ms:.1f} ms"
    if ms < 1000:
        return f"{ms:.0f} ms"
    return f"{ms / 1000:.1f} s" if ms < 60_000 else span(ms / 1000)


def size(count_of_bytes: float | None) -> str:
    """``512 B``, ``84 kB``, ``1.2 GB``."""
    if count_of_bytes is None:
        return "–"
    for unit in ("B", "kB", "MB", "GB"):
        if count_of_bytes < 1000:
            shown = f"{count_of_bytes:.1f}" if 0 < count_of_bytes < 10 else f"{count_of_bytes:.0f}"
            return f"{shown.removesuffix('.0')} {unit}"
        count_of_bytes /= 1000
    return f"{count_of_bytes:.1f} TB"


def spark(values: list[float] | tuple[float, ...], width: int) -> str:
    """Values as a line of bars, the newest at the right, scaled to their highest."""
    if not values or width <= 0:
        return " " * max(width, 0)
    pooled = pool(values, width)
    top = max(pooled)
    if top <= 0:
        return "▁" * len(pooled)
    return "".join(BARS[max(1, min(8, round(v / top * 8)))] for v in pooled)


def pool(values: list[float] | tuple[float, ...], width: int) -> list[float]:
    """At most ``width`` values, neighbours averaged, the newest kept at the right."""
    n = len(values)
    if n <= width:
        return list(values)
    edges = [round(i * n / width) for i in range(width + 1)]
    return [sum(values[a:b]) / max(b - a, 1) for a, b in pairwise(edges)]


def gauge(part: float, width: int) -> str:
    """A filled bar, ``████░░``, for a part from 0 to 1."""
    full = round(min(max(part, 0), 1) * width)
    return "█" * full + "░" * (width - full)
