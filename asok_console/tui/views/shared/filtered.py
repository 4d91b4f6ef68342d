"""What lists have in common that a typed filter narrows, whatever it is that they list."""

from __future__ import annotations

from typing import Any

from rich.cells import cell_len
from textual import on

from asok_console.presentation.fitting import fit_middle
from asok_console.presentation.text import safe
from asok_console.tui.views.shared.base import View
from asok_console.tui.widgets.filter_bar import FilterBar
from asok_console.tui.widgets.row_list import RowList
from asok_core.inspection.filters import Filter, parse

BESIDE = 90
"""Cells of a heading for what else it says."""


class FilteredView(View):
    """A view with a line for a filter. A filter may be typed there, or given by what leads here."""

    _former: tuple[str, str | None] = ("", None)
    """The filter and the cursor's row before a visit."""

    def narrow(self, to: Filter | None) -> None:
        """Show only what matches; None: everything."""
        raise NotImplementedError

    @property
    def is_narrowed(self) -> bool:
        """Whether a filter is in use."""
        raise NotImplementedError

    @property
    def filter_text(self) -> str:
        """The filter that is in use, as it is typed; '' for none."""
        raise NotImplementedError

    @property
    def way_out(self) -> str:
        """What Esc does where a filter is in use."""
        return "Esc goes back" if self.came_from else "Esc clears the filter"

    @property
    def shown_filter(self) -> str:
        """The filter as the heading shows it: what else that says matters as well."""
        width = self.app.size.width
        text, room = safe(self.filter_text), max(width // 3, width - BESIDE, 16)
        return fit_middle(text, room) if cell_len(text) > room else text

    @property
    def listed(self) -> RowList[Any]:
        """The list that the filter narrows."""
        raise NotImplementedError

    def seek(self, key: str | None) -> None:
        """Put the cursor on a row, as soon as it is there."""
        raise NotImplementedError

    def visit(self, text: str) -> None:
        """Show what a filter ('': none) lets through, until ``end_visit`` shows what is shown now."""
        self._former = self.filter_text, self.listed.cursor.key
        if text:
            self.begin_with(text)
        else:
            self.clear_filter()

    def end_visit(self) -> None:
        """Show what was shown before the visit, with the cursor where it was."""
        text, key = self._former
        if text:
            self.begin_with(text)
        else:
            self.clear_filter()
        self.seek(key)

    def read_filter(self, text: str) -> Filter:
        """Read a filter. Raises UsageError for one that is invalid here."""
        return parse(text)

    def begin_with(self, text: str) -> None:
        """Show what a filter lets through, as if it had been typed."""
        self.query_one(FilterBar).set(text)
        self.narrow(self.read_filter(text))

    @property
    def is_asking(self) -> bool:
        """Whether a line is open in which a filter is typed."""
        return any(bar.display for bar in self.query(FilterBar))

    def clear_filter(self) -> bool:
        """Show everything again. False: that was so already."""
        if not self.is_narrowed:
            return False
        self.query_one(FilterBar).close()
        self.console.rewrite_bars()
        self.narrow(None)
        return True

    def action_filter(self) -> None:
        """Type a filter."""
        self.query_one(FilterBar).open()
        self.console.rewrite_bars()

    @on(FilterBar.Changed)
    def _typed(self, event: FilterBar.Changed) -> None:
        event.stop()
        self.narrow(event.filter or None)

    @on(FilterBar.Closed)
    def _filter_closed(self, event: FilterBar.Closed) -> None:
        event.stop()
        self.console.rewrite_bars()
        self.focus_list()
