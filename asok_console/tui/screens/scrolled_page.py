"""A page that is one text, longer than the screen at times."""

from __future__ import annotations

from typing import cast

from textual.containers import VerticalScroll
from textual.screen import Screen

from asok_console.tui.views.host import Host


class ScrolledPage(Screen[None]):
    """A page whose text is in its one ``VerticalScroll``."""

    @property
    def console(self) -> Host:
        """The application, as far as views and screens use it."""
        return cast("Host", self.app)

    def action_scroll(self, by: int) -> None:
        """Scroll by lines."""
        self.query_one(VerticalScroll).scroll_relative(y=by, animate=False)

    def action_ends(self, top: bool) -> None:
        """Go to the top or the end."""
        page = self.query_one(VerticalScroll)
        page.scroll_to(y=0 if top else page.max_scroll_y, animate=False)
