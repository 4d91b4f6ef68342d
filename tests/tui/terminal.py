"""The real console in a real terminal: tmux, driven by keys and read from its screen."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import uuid
from collections.abc import Mapping
from pathlib import Path

from tests.programs import PATIENCE, wait_until

CONSOLE = f"{shlex.quote(sys.executable)} -m asok_console console"


class TmuxTerminal:
    """A tmux server of its own that runs one command in a window of a given size.

    With ``recording`` every byte that the command writes is kept in that file.
    """

    def __init__(
        self,
        command: str,
        folder: Path,
        size: tuple[int, int],
        env: Mapping[str, str],
        *,
        recording: Path | None = None,
    ) -> None:
        self._socket = f"asok-{uuid.uuid4().hex[:8]}"
        self.status = folder / f"{self._socket}.status"
        begin = folder / f"{self._socket}.begin"
        script = (
            f"until [ -e {shlex.quote(str(begin))} ]; do sleep 0.02; done; "
            f"{command}; echo $? > {shlex.quote(str(self.status))}; exec cat"
        )
        self.tmux(
            *("-f", "/dev/null", "new-session", "-d", "-x", str(size[0]), "-y", str(size[1])),
            *(part for name, value in env.items() for part in ("-e", f"{name}={value}")),
            script,
        )
        # A session without a client may take tmux's default size a moment later.
        self.tmux("set-option", "-g", "window-size", "manual")
        self.tmux("resize-window", "-x", str(size[0]), "-y", str(size[1]))
        if recording is not None:
            recording.touch()
            self.tmux("pipe-pane", f"cat > {shlex.quote(str(recording))}")
        begin.touch()

    def tmux(self, *words: str) -> str:
        """Run a tmux command on this server and return what it printed."""
        done = subprocess.run(
            ["tmux", "-L", self._socket, *words],
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=True,
        )
        return done.stdout

    def press(self, *keys: str) -> None:
        """Press keys by their tmux names."""
        self.tmux("send-keys", *keys)

    def type(self, text: str) -> None:
        """Type a text, one character after another."""
        self.tmux("send-keys", "-l", text)

    def type_word(self, word: str) -> None:
        """Type the word that a question requires, and press its button."""
        asked = f"Type {word} to confirm"
        self.type(word)
        self.sees(asked, f"│  {word}  ")

        def answered() -> bool:
            if asked not in self.screen():
                return True
            # The first leads from the line to the button, and may be on its way still.
            self.press("Enter")
            return False

        wait_until(answered, lambda: f"the end of the question:\n{self.screen()}", interval=0.5)

    def screen(self) -> str:
        """What is on the screen, as text."""
        return self.tmux("capture-pane", "-p")

    def sees(self, *texts: str) -> str:
        """Wait until all these texts are on the screen at once; returns it."""
        screen = ""

        def all_shown() -> bool:
            nonlocal screen
            screen = self.screen()
            return all(text in screen for text in texts)

        def missing() -> str:
            return f"{[text for text in texts if text not in screen]} in\n{screen}"

        wait_until(all_shown, missing)
        return screen

    def exit_status(self) -> int:
        """Wait for the end of the command: its exit code."""
        wait_until(
            lambda: self.status.exists() and self.status.read_text().strip(),
            lambda: f"the end of the command:\n{self.screen()}",
        )
        return int(self.status.read_text())

    def format(self, what: str) -> str:
        """A tmux format, such as ``#{pane_title}``."""
        return self.tmux("display-message", "-p", what).strip()

    def child(self) -> int:
        """Process id of the command."""
        shell = self.format("#{pane_pid}")
        return int(Path(f"/proc/{shell}/task/{shell}/children").read_text().split()[0])

    def close(self) -> None:
        """End everything in it."""
        subprocess.run(
            ["tmux", "-L", self._socket, "kill-server"], capture_output=True, check=False
        )
        # The server leaves its socket behind.
        folder = Path(os.environ.get("TMUX_TMPDIR", "/tmp")) / f"tmux-{os.getuid()}"
        (folder / self._socket).unlink(missing_ok=True)
