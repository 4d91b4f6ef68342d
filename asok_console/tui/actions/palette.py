"""The command palette: every action that is possible now, by its name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from textual.app import App, SystemCommand
from textual.screen import Screen

from asok_console.tui.keys import actions


def commands(app: App[Any], screen: Screen[Any]) -> Iterator[SystemCommand]:
    """The commands for what has a key on this screen and is offered."""
    offered: set[str] = set()
    for active in screen.active_bindings.values():
        binding, node = active.binding, active.node
        # An action has several keys; what has no explanation is Textual's own.
        if binding.tooltip and active.enabled and binding.action not in offered:
            offered.add(binding.action)
            yield SystemCommand(
                f"{binding.description[0].upper()}{binding.description[1:]}",
                f"{binding.tooltip}  ({actions.printed(binding.key)})",
                lambda binding=binding, node=node: app.call_next(
                    app.run_action, binding.action, node
                ),
            )
