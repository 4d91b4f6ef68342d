"""What a process was ordered to do by commands that concern all of it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class ProcessMode:
    """Nothing of it holds when a process starts.

    ``quiet``: claim no jobs until it resumes. ``retiring``: finish and end, as another replaces it.
    ``replaced``: ordered to do so, and not since it has run the jobs that it was to run.
    ``draining``: finish and end, as the worker stops; ``quitting`` at once; ``orphaned`` as its supervisor
    has ended.
    """

    quiet: bool = False
    retiring: bool = False
    replaced: bool = False
    draining: bool = False
    quitting: bool = False
    orphaned: bool = False

    @property
    def interrupts(self) -> bool:
        """Whether jobs end at their next checkpoint, to resume elsewhere."""
        return self.draining or self.replaced

    def follow(self, verb: str) -> bool:
        """Follow a command. False: it is not one of these."""
        if verb in ("quiet", "resume"):
            self.quiet = verb == "quiet"
        elif verb == "retire":
            self.retiring = self.replaced = True
        elif verb in ("drain", "quit", "orphaned"):
            self.draining = True
            self.quitting = self.quitting or verb == "quit"
            self.orphaned = self.orphaned or verb == "orphaned"
        else:
            return False
        return True
