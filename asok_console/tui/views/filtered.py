"""What lists have in common that a typed filter narrows, whatever it is that they list."""

from __future__ import annotations

from textual import on

from asok_console.tui.views.base import View
from asok_console.tui.widgets.filterbar import FilterBar
from asok_core.filters import Filter, parse


class FilteredView(View):
    """A view with a line for a filter. A filter may be typed there, or given by what leads here."""

    def narrow(self, wanted: Filter | None) -> None:
        """Show only what matches; None: everything."""
        raise NotImplementedError

    @property
    def is_narrowed(self) -> bool:
        """Whether a filter is in use."""
        raise NotImplementedError

    def read_filter(self, text: str) -> Filter:
        """Read a filter. Raises UsageError for one that is invalid here."""
        return parse(text)

    def begin_with(self, text: str) -> None:
        """Show what a filter lets through, as if it had been typed."""
        bar = self.query_one(FilterBar)
        bar.set(text)
        bar.display = True
        self.narrow(self.read_filter(text))

    def clear_filter(self) -> bool:
        """Show everything again. False: that was so already."""
        if not self.is_narrowed:
            return False
        self.query_one(FilterBar).close()
        self.narrow(None)
        return True

    def action_filter(self) -> None:
        """Type a filter."""
        self.query_one(FilterBar).open()

    @on(FilterBar.Changed)
    def _typed(self, event: FilterBar.Changed) -> None:
        event.stop()
        self.narrow(event.filter or None)

    @on(FilterBar.Left)
    def _left(self, event: FilterBar.Left) -> None:
        event.stop()
        self.focus_list()
