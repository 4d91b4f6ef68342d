"""A reader who types every block of the README and of the pages, from the first to the last."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import pytest

from asok_console.demo.embedded import find_redis_server
from tests.programs import PATIENCE, ROOT, run_program
from tests.pseudo_terminal import open_and_quit
from tests.readme.blocks import Block, blocks_of
from tests.readme.generated import EXAMPLES, PAGES, README

RUN = 200
DOCUMENTS = [README, *sorted(PAGES.glob("*.md"))]
TYPED = {"sh", "python"}


class ReadmeReader:
    """One who reads the README: a checkout, an environment in it, and a folder for a project."""

    def __init__(self, folder: Path, redis_url: str) -> None:
        self.checkout = folder / "asok-console"
        self.project = folder / "shop"
        self.project.mkdir()
        self.log = folder / "server.log"
        self._servers: list[subprocess.Popen[bytes]] = []
        left_out = shutil.ignore_patterns(".*", "__pycache__", "*.egg-info", "screenshots")
        shutil.copytree(ROOT, self.checkout, ignore=left_out)
        shutil.copytree(ROOT / ".ci", self.checkout / ".ci")
        venv = self._make_venv()
        path = [str(venv / "bin"), os.environ.get("PATH", os.defpath)]
        self.env = {
            **os.environ,
            "PATH": os.pathsep.join([*path, str(find_redis_server().parent)]),
            "VIRTUAL_ENV": str(venv),
            "HOME": str(folder),
            "TERM": "xterm-256color",
            "ASOK_REDIS_URL": redis_url,
        }
        # Ours may be running under make, and theirs is a make of its own.
        for variable in ("PYTHONPATH", "MAKEFLAGS", "MAKELEVEL", "MFLAGS"):
            self.env.pop(variable, None)

    def _make_venv(self) -> Path:
        """The environment of the checkout. What we need of others is there, so as not to load it."""
        venv = self.checkout / ".venv"
        subprocess.run([sys.executable, "-m", "venv", venv], check=True, timeout=RUN)
        packages = next(venv.glob("lib/python*/site-packages"))
        (packages / "others.pth").write_text(sysconfig.get_path("purelib"))
        return venv

    def type(self, block: Block) -> str | None:
        """Do what a block says; what it printed, where it ran to its end."""
        folder = self.checkout if "checkout" in block.words else self.project
        if block.file is not None:
            (folder / block.file).write_text(block.code)
            return None
        assert block.language == "sh", f"a block of {block.language!r} cannot be run"
        if "terminal" in block.words:
            words = shlex.split(block.code)
            assert open_and_quit(words, cwd=folder, env=self.env, until=("Overview",)) == 0
            return None
        shell = ("bash", "-euo", "pipefail", "-c", block.code)
        if "server" in block.words:
            with self.log.open("ab") as log:
                server = subprocess.Popen(shell, cwd=folder, env=self.env, stdout=log, stderr=log)
            self._servers.append(server)
            return None
        done = run_program(*shell, cwd=folder, env=self.env, seconds=RUN)
        said = f"{block.code}\n{done.stdout}\n{done.stderr}"
        assert done.returncode == 0, f"{said}\n{self.log.read_text() if self._servers else ''}"
        return done.stdout

    def leave(self) -> None:
        """End what still runs, in order."""
        for server in self._servers:
            server.send_signal(signal.SIGTERM)
        try:
            assert [server.wait(PATIENCE) for server in self._servers] == [0] * len(self._servers)
        finally:
            for server in self._servers:
                server.kill()
                server.wait()


@pytest.fixture
def reader(tmp_path: Path, redis_url: str) -> Iterator[ReadmeReader]:
    reader = ReadmeReader(tmp_path, redis_url)
    yield reader
    reader.leave()


@pytest.mark.slow
@pytest.mark.timeout(500)
def test_every_block_works_as_shown(reader: ReadmeReader) -> None:
    for document in DOCUMENTS:
        printed: str | None = None
        for block in typed_blocks(document):
            where = f"{document.name}, line {block.line}"
            if block.language in TYPED:
                printed = reader.type(block)
                continue
            assert printed is not None, f"{where}: the output of what?"
            varying = "varying" in block.words
            found = [_constant(line) if varying else line for line in printed.splitlines()]
            for line in block.code.splitlines():
                expected = _constant(line) if varying else line
                assert expected in found, f"{where}: {line}\nis not in\n{printed}"


_VARYING = re.compile(
    r"\b[\d.]+ (ms|s|min)\b"  # an age
    r"|(\b\d{4}-\d\d-\d\d )?\b[\d:]{8} UTC( \([^)]+\))?"  # a time, and its age
    r"|\b\d{8}-\d{6}-[0-9a-f]{6}\b"  # the id of an operation
    r"|\w+@[\w.-]+"  # an operator
)


def _constant(line: str) -> str:
    """A line without what differs from run to run."""
    return re.sub(r" +", " ", _VARYING.sub("…", line))


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.stem)
def test_every_file_is_used_by_a_later_block(document: Path) -> None:
    blocks = list(typed_blocks(document))
    for position, block in enumerate(blocks):
        if block.file:
            later = "".join(each.code for each in blocks[position + 1 :])
            assert Path(block.file).stem in later, f"line {block.line}: {block.file} is not run"


def typed_blocks(document: Path) -> Iterator[Block]:
    """The blocks that a reader types, and what they print."""
    examples = {f"tests/examples/{name}.py" for name in EXAMPLES}
    for block in blocks_of(document.read_text()):
        # The examples are programs of the tests, and the blocks are compared with them.
        typed = "sample" not in block.words and block.file not in examples
        if typed and block.language in TYPED | {"text"}:
            yield block
