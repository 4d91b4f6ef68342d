"""Lists that are in memory whole, of queues or workers: narrowed and sorted at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

from textual import on
from textual.binding import BindingType

from asok_console.tui.keys import actions
from asok_console.tui.views.shared.filtered import FilteredView
from asok_console.tui.widgets.filter_bar import FilterBar
from asok_console.tui.widgets.row_list import RowList
from asok_core.errors import UsageError
from asok_core.inspection.filters import Filter, FilterWord, parse, queue_test

HINT = "words, queue:high, queue:mail-*, !x"


def read_names(text: str) -> Filter:
    """Read a filter for queues or workers. Raises UsageError for words that ask for a job."""
    found = parse(text)
    for word in found.words:
        if word.field not in ("", "queue"):
            raise UsageError(
                f"filter word '{word.field}:{word.value}': it is about jobs; use words or queue:NAME here"
            )
    return found


class NamedView(FilteredView):
    """A view of such a list. ``ORDERS`` are the columns' titles and what they sort by."""

    BINDINGS: ClassVar[list[BindingType]] = [*actions.bindings(actions.SORTS)]
    ORDERS: ClassVar[tuple[str, ...]] = ()
    SORTED_BY: ClassVar[dict[str, str]] = {}
    """The order that a click on a column's title chooses, by the title."""

    order = ""
    names: Filter | None = None
    """What the list is narrowed to."""

    def list_again(self) -> None:
        """Show the list as it is filtered and sorted now."""
        raise NotImplementedError

    def filter_bar(self) -> FilterBar:
        """The line for the filter."""
        return FilterBar(self.read_filter, hint=HINT)

    def is_meant(self, texts: Iterable[str], queues: Iterable[str]) -> bool:
        """Whether the filter lets something through that has these texts and serves these queues."""
        plain, served = [text.casefold() for text in texts], list(queues)

        def answers(word: FilterWord) -> bool:
            if word.field == "queue":
                found = any(map(queue_test(word.value), served))
            else:
                found = any(word.value.casefold() in text for text in plain)
            return found is not word.negated

        groups = self.names.groups if self.names else ()
        return not groups or any(all(map(answers, group)) for group in groups)

    def narrowed(self, shown: int, total: int) -> Sequence[tuple[str, str]]:
        """The parts of the heading that say what is shown, of how many, and in which order."""
        text = self.shown_filter
        return (
            (f"⌕ {text}  {shown:,} of {total:,}" if text else "", "info"),
            (f"by {self.order}" if self.order != self.ORDERS[0] else "", "dim"),
        )

    def read_filter(self, text: str) -> Filter:
        """Read a filter for what is listed."""
        return read_names(text)

    def narrow(self, to: Filter | None) -> None:
        """Show only what matches, from its first row; None: everything, with the cursor where it is."""
        self.names = to
        self.list_again()
        if to:
            self.listed.action_first()

    @property
    def is_narrowed(self) -> bool:
        """Whether a filter is in use."""
        return self.names is not None

    @property
    def filter_text(self) -> str:
        """The filter that is in use, as it is typed."""
        return self.names.text if self.names else ""

    @property
    def listed(self) -> RowList[Any]:
        """The list that the filter narrows."""
        return self.query_one(RowList)

    def seek(self, key: str | None) -> None:
        """Put the cursor on a row."""
        self.listed.move_to_key(key)

    def go_back(self) -> bool:
        """Clear the filter first."""
        return self.clear_filter() or super().go_back()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer to sort only what has an order."""
        if action == actions.SORT.method:
            return any(rows.total > 1 for rows in self.query(RowList))
        return super().check_action(action, parameters)

    def action_sort(self) -> None:
        """Sort by the next order."""
        self.sort_by(self.ORDERS[(self.ORDERS.index(self.order) + 1) % len(self.ORDERS)])

    @on(RowList.HeadingPressed)
    def _pressed(self, event: RowList.HeadingPressed) -> None:
        event.stop()
        if order := self.SORTED_BY.get(event.title):
            self.sort_by(order)

    def sort_by(self, order: str) -> None:
        """Sort by one of the ``ORDERS``."""
        self.order = order
        self.list_again()
