"""What a console was opened with."""

from __future__ import annotations

from dataclasses import dataclass

from asok_console.tui.theme import THEMES
from asok_core.backends.roles import Operator, Reader
from asok_core.inspection.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Session:
    """What a console was opened with. Without an ``operator`` it is read-only.

    ``target`` names the Redis without its password; ``interval`` are the seconds between two snapshots.
    """

    reader: Reader
    operator: Operator | None
    target: str
    protected: bool = False
    demo: bool = False
    view: str = "overview"
    filter: str = ""
    interval: float = 1.0
    cancel_wait: float = 10.0
    """Seconds that a cancelled running job has to stop by itself."""
    dead_cap: int = 100_000
    theme: str = THEMES[0].name
    new_here: bool = False
    """Whether this is the first console of this user, so that the footer points out the help."""
    namespace: str = "asok"
    beside_framework: bool = False
    """Whether the records are written for workers of the asok framework, which count nothing."""
    unredacted: Reader | None = None
    """A reader that hides no values, for what is compared with them and not shown."""
    first: Snapshot | None = None
    """A snapshot that was read before, to be shown at once."""

    @property
    def only_reads(self) -> bool:
        """Whether this session may change nothing."""
        return self.operator is None

    @property
    def modes(self) -> list[tuple[str, str]]:
        """Words in the header for the kind of session, with their colours."""
        modes = [
            ("DEMO", "$secondary", self.demo),
            ("READ-ONLY", "$primary", self.only_reads),
            ("PROTECTED", "$error", self.protected),
        ]
        return [(word, color) for word, color, applies in modes if applies]
