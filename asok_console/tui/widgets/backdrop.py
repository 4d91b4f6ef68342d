"""The background of the widgets that cover it."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from textual.strip import Strip

if TYPE_CHECKING:
    from textual.geometry import Region
    from textual.widget import Widget


class Backdrop:
    """A container of one colour.

    Textual draws a covered container as well, line by line. All lines of this one are the same strip,
    so that they are drawn, and cut where other widgets begin, only once.

    A mixin, listed before a container's own class; it is not a DOM node itself, since Textual takes
    styles from the first base that is one.
    """

    def render_lines(self, crop: Region) -> list[Strip]:
        """The same blank line as often as requested."""
        widget = cast("Widget", self)
        strip = Strip.blank(crop.width, widget.visual_style.rich_style)
        for each in widget.get_line_filters():
            strip = strip.apply_filter(each, widget.background_colors[1])
        return [strip] * crop.height
