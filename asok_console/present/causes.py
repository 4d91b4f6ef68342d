"""Dead letters of one cause, with the times that a trend is drawn from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from asok_core.causes import OTHER, count_names, group_of
from asok_core.filters import Filter, parse, word
from asok_core.snapshot import Row


@dataclass(slots=True)
class Cause:
    """All dead letters of one cause. Times are epoch seconds; None where no letter tells."""

    text: str
    count: int = 0
    first: float | None = None
    last: float | None = None
    tasks: Counter[str] = field(default_factory=Counter)
    queues: Counter[str] = field(default_factory=Counter)
    times: list[float] = field(default_factory=list)

    @property
    def filter(self) -> Filter:
        """The filter that finds exactly these letters."""
        return parse(word("cause", self.text))

    @property
    def is_rest(self) -> bool:
        """Whether it is what had no group of its own, which no filter finds."""
        return self.text == OTHER

    def add(self, row: Row) -> None:
        """Count one letter in."""
        self.count += 1
        count_names(self.tasks, self.queues, row)
        at = row.payload.failed_at
        if at is not None:
            self.first = at if self.first is None else min(self.first, at)
            self.last = at if self.last is None else max(self.last, at)
            self.times.append(at)

    def trend(self, now: float, span: float, slots: int) -> tuple[float, ...]:
        """Letters per slot over the last ``span`` seconds, the oldest first."""
        counts = [0.0] * slots
        for at in self.times:
            since = at - now + span
            if 0 <= since < span:
                counts[int(since * slots / span)] += 1
            elif at >= now:
                counts[-1] += 1
        return tuple(counts)


def names(counts: Mapping[str, int], shown: int) -> str:
    """The most frequent names, and how many more there are: ``mail.send, mail.check +3``."""
    ranked = sorted(counts, key=lambda name: (-counts[name], name))
    more = len(ranked) - shown
    return ", ".join(ranked[:shown]) + (f" +{more}" if more > 0 else "")


def by_cause(rows: Iterable[Row], causes: dict[str, Cause] | None = None) -> dict[str, Cause]:
    """Group dead letters, adding to ``causes`` when given; its keys are the causes in lower case."""
    causes = {} if causes is None else causes
    for row in rows:
        text, key = group_of(row, causes)
        if key not in causes:
            causes[key] = Cause(text)
        causes[key].add(row)
    return causes
