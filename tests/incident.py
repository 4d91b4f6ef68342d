"""An incident, simulated with the real console in tmux; every screen is saved as text and as a
picture.

``python -m tests.incident FOLDER [80x24 120x40 200x60]``: 20,000 pending jobs, 3,000 dead ones of
six errors, arguments that are deep or large, a paused queue and one without workers, two
operators, and a Redis that stops and is empty after its restart. It asserts nothing: review the
screens after a change."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory

import redis
from rich.console import Console
from rich.text import Text

from asok_console.demo.embedded import EmbeddedRedis
from asok_core.jobs.envelope import dead_entry, seal
from tests.conftest import SECRET_KEY
from tests.programs import environment, python, running
from tests.tui import seed
from tests.tui.seed import KEYRING, KEYS
from tests.tui.terminal import CONSOLE, TmuxTerminal

SIZES = ((80, 24), (120, 40), (200, 60))
APP = Path(__file__).parent / "tui" / "app"

ERRORS = (
    ("TimeoutError", "gateway took longer than {n} s"),
    ("ConnectionRefusedError", "[Errno 111] connect to smtp-{n}.internal.example.org:587 refused"),
    ("KeyError", "'customer_{n}'"),
    ("ValueError", "order {n} has no lines"),
    ("sqlalchemy.exc.OperationalError", "(psycopg.errors.DeadlockDetected) deadlock: process {n} waits"),
    ("UnicodeDecodeError", "'utf-8' codec can't decode byte 0x{n} in position {n}: 支払い決済 👩‍👩‍👧‍👦"),
)  # fmt: skip


def deep(levels: int) -> object:
    """A value with ``levels`` levels."""
    return {"level": levels, "next": deep(levels - 1)} if levels else "bottom"


def dead(client: redis.Redis, count: int) -> None:
    """Dead jobs with six errors; one of a hundred has deep arguments, and one has large ones."""
    now, batch = seed.server_time(client), []
    for at in range(count):
        job = seed.job(30_000 + at, ("high", "default", "payments")[at % 3], retry_count=3,
                       enqueued_at=now - 90 - at * 7)  # fmt: skip
        if at % 100 == 1:
            job = replace(job, args=(deep(40),))
        elif at % 100 == 2:
            job = replace(job, args=("x" * 42_000, at), kwargs={"後": "値" * 20_000})
        name, text = ERRORS[at % len(ERRORS) if at % 7 else 0]
        line = f"{name}: {text.format(n=at)}"
        frame = f'  File "/srv/shop/{job.module}.py", line {at}, in run'
        trace = f"Traceback (most recent call last):\n{frame}\n{line}\n"
        batch.append(
            dead_entry(seal(job, KEYRING), failed_at=now - 60 - at * 7, error=line, traceback=trace)
        )
    client.rpush(KEYS.dead, *batch)


def trouble(client: redis.Redis) -> None:
    """The state of Redis at the start of the incident."""
    seed.pending(client, "default", 16_000, first=100_000, age=1900)
    seed.pending(client, "high", 2_500, first=120_000, age=240)
    seed.pending(
        client, "exports-of-the-accounting-department-2026", 900, first=130_000, age=86_000
    )
    seed.pending(client, "newsletter", 600, first=140_000, age=4000)
    client.sadd(KEYS.paused, "newsletter")
    seed.delayed(client, 40)
    dead(client, 3000)
    seed.history(client, 30_000, seed.server_time(client) - 60)
    seed.recent(client, 200)
    seed.worker(client, "web-1", queues=("high", "default"), concurrency=8, running=5, first=200)
    seed.worker(client, "production-kubernetes-worker-5d8f-2", queues=("high", "newsletter"),
                concurrency=4, running=4, first=220, heartbeat=48.0)  # fmt: skip
    seed.traffic(client, "high", 42, failing=0.4, growth=1.3)
    seed.traffic(client, "default", 160, failing=0.09, growth=1.6)
    seed.audit(client)


class IncidentStage:
    """A terminal of one size, the Redis of its incident, and the folder for its screens."""

    def __init__(self, server: EmbeddedRedis, folder: Path, size: tuple[int, int]) -> None:
        self.server, self.folder, self.size = server, folder, size
        self.env = environment(
            {"ASOK_QUEUE_BACKEND": "redis", "ASOK_REDIS_URL": server.url, "SECRET_KEY": SECRET_KEY,
             "NIGHT": str(folder), "HOME": str(folder)}, APP)  # fmt: skip
        self.terminal = TmuxTerminal(CONSOLE, folder, size, self.env)
        self._number = 0

    def act(self, name: str, *keys: str, sees: str = "", word: str = "") -> None:
        """Press keys (then type ``word``), wait for a text, and save the screen."""
        for key in keys:
            self.terminal.press(key)
            # A character right after Escape would be read as Alt with that character.
            time.sleep(0.3 if key == "Escape" else 0.05)
        if word:
            self.terminal.type(word)
        try:
            if sees:
                self.terminal.sees(sees)
        except AssertionError:
            sys.stderr.write(f"{self.size}: {name}: never saw {sees!r}\n")
        # Lets further changes be drawn; nothing depends on it.
        time.sleep(0.7)
        self.keep(name)

    def keep(self, name: str) -> None:
        """Save the screen as text and as a picture."""
        self._number += 1
        path = self.folder / f"{self._number:02}-{name}"
        path.with_suffix(".txt").write_text(self.terminal.screen())
        drawn = self.terminal.tmux("capture-pane", "-p", "-e")
        console = Console(record=True, width=self.size[0], file=StringIO(), force_terminal=True,
                          color_system="truecolor", legacy_windows=False)  # fmt: skip
        for line in drawn.split("\n")[: self.size[1]]:
            console.print(Text.from_ansi(line), no_wrap=True, overflow="crop", crop=True)
        svg = path.with_suffix(".svg")
        console.save_svg(str(svg), title=name)
        if convert := shutil.which("rsvg-convert"):
            subprocess.run([convert, "-o", path.with_suffix(".png"), svg], check=True)

    def operator(self, *words: str) -> None:
        """Run a command of another operator."""
        python("-m", "asok_console", *words, env=self.env)


def overview(stage: IncidentStage) -> None:
    """The Overview with its ranges, sort order and filter."""
    stage.keep("starting")
    stage.act("overview", sees="all queues")
    stage.act("range", "]", sees="last 5 min")
    stage.act("read", "Left", "Left", "Left", sees="UTC")
    stage.act("sorted", "Escape", "s", "j", sees="by pending")
    stage.act("typing", "f", word="exp")
    stage.act("filtered", "Enter", sees="⌕ exp")
    stage.act("pause-asks", "Escape", "g", "j", "P", sees="Reason")
    stage.act("pause", "Enter", sees="How")
    stage.act("paused", "y", sees="✓")


def lists(stage: IncidentStage) -> None:
    """Every list, with filters that match and that do not."""
    stage.act("pending", "1", "g", "j", "Enter", sees="1 of ")
    stage.act("pending-page", "PageDown", "PageDown")
    stage.act("pending-none", "/", word="arg:nowhere")
    stage.act("pending-none-found", "Enter", sees="None found")
    stage.act("pending-cleared", "Escape")
    stage.act("delayed", "3", sees="next job in")
    stage.act("delayed-filtered", "/", word="error:Timeout")
    stage.act("delayed-found", "Enter")
    stage.act("jobs", "Escape", "4", sees="running")
    stage.act("workers", "5", sees="threads busy")
    stage.act("workers-folded", "v")
    stage.act("worker-quiet", "v", "g", "P", sees="uiet")
    stage.act("dead", "Escape", "6", sees="1 of 3,000")
    stage.act("dead-end", "G", sees="3,000 of 3,000")
    stage.act("dead-filter-wrong", "/", word="age:old")
    stage.act("dead-filter-none", "C-u", word="error:Nowhere")
    stage.act("dead-none-found", "Enter", sees="None found")
    stage.act("causes", "Escape", "v", sees="error groups")
    stage.act("cause", "j", "Enter", sees="found")
    stage.act("activity", "7", sees="purge")


def jobs(stage: IncidentStage) -> None:
    """Job pages with ordinary, deep and large arguments, and the search for a job."""
    stage.act("job", "6", "Escape", "Escape", "Escape", "6", "g", "Enter", sees="TimeoutError")
    stage.act("job-end", "G")
    stage.act("job-deep", "Escape", "j", "Enter", sees="shop")
    stage.act("job-large", "Escape", "j", "Enter", sees="shop")
    stage.act("job-whole", "v")
    stage.act("job-edit", "Escape", "e")
    stage.act("find", "Escape", "Escape", "Escape", "6", "i", sees="Find a job")
    stage.act("found", word="send_receipt")
    stage.act("found-list", "Enter")
    stage.act("help", "Escape", "Escape", "?", sees="Keys in")
    stage.act("help-end", "PageDown", "PageDown", "PageDown")
    stage.act("palette", "Escape", ":")
    stage.act("after-palette", "Escape")


def operations(stage: IncidentStage) -> None:
    """Operations on jobs, also by another operator, with their messages."""
    stage.act("requeue", "1", "6", "g", "Space", "Space", "r", sees="Requeue 2")
    stage.act("requeued", "y", sees="Requeued")
    stage.act("all", "R", sees="Requeue")
    stage.act("purge", "Escape", "v", "g", "D", sees="Type purge")
    stage.operator("dlq", "purge", "--all", "--yes")
    stage.act("purge-word", word="purge")
    stage.act("purged-nothing", "Enter", "Enter")
    stage.act("undo", "7")
    stage.operator("trash", "restore", _first_trash(stage))
    stage.act("restored", "6", sees="dead")
    stage.act("canary", "v", "g", "C", sees="Requeue first")
    stage.act("canary-confirm", "Enter", sees="with a canary")
    stage.act("canary-waits", "y", "Y")
    stage.act("beside-asks", "1", "g", "j", "j", "P", sees="Reason")
    stage.act("beside", "Enter", sees="How")
    stage.act("two-lines", "y")
    stage.act("quit-asks", "q", sees="Quit")
    stage.act("stays", "Escape")


def _first_trash(stage: IncidentStage) -> str:
    """The newest operation with jobs in the trash."""
    with redis.Redis.from_url(stage.server.url, decode_responses=True) as client:
        keys = client.scan_iter(f"{KEYS.namespace}:trash:*")
        names = [str(key).split(":")[2] for key in keys]
    return max(names)


def outage(stage: IncidentStage) -> None:
    """Redis stops, and is empty after its restart."""
    stage.act("before", "1")
    stage.server.stop(kill=True)
    stage.act("away", sees="cannot reach")
    stage.act("away-dead", "6")
    stage.act("away-requeue", "r", "y")
    stage.act("away-failed", sees="✗")
    stage.act("away-find", "i", word="0000")
    stage.act("away-found", "Enter")
    shutil.rmtree(stage.server.folder / "appendonlydir", ignore_errors=True)
    stage.server.start()
    stage.act("back", "Escape", "1", sees="restarted")
    stage.act("back-dead", "6")
    stage.act("back-workers", "5")
    stage.act("back-jobs", "4")


def play(folder: Path, size: tuple[int, int]) -> None:
    """The whole incident at one size."""
    # Saved preferences of the console would affect this run.
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with EmbeddedRedis() as server, redis.Redis.from_url(server.url) as client:
        trouble(client)
        stage = IncidentStage(server, folder, size)
        worker = ("-m", "asok_console", "worker", "--queues", "payments", "--concurrency", "2")
        with closing(stage.terminal), running(*worker, env=stage.env):
            for part in (overview, lists, jobs, operations, outage):
                part(stage)


def sizes(words: list[str]) -> Iterator[tuple[int, int]]:
    """The sizes on the command line; all by default."""
    for word in words:
        width, height = word.split("x")
        yield int(width), int(height)
    if not words:
        yield from SIZES


if __name__ == "__main__":
    where = Path(sys.argv[1]).absolute()
    with TemporaryDirectory() as sockets:
        os.environ["TMUX_TMPDIR"] = sockets
        for each in sizes(sys.argv[2:]):
            play(where / f"{each[0]}x{each[1]}", each)
