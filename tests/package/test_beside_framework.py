"""Our wheel and the framework's in one environment, installed in both orders, with either
removed.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

import pytest

from asok_core import __version__
from tests.package.test_wheel import INSTALL, PATIENCE, do
from tests.programs import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

OURS = f"asok-console {__version__}\n"
FRAMEWORK = f"asok=={version('asok')}"


class Environment:
    """A virtual environment with our dependencies and without the checkout."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "venv"
        self.home = folder / "home"
        self.home.mkdir()
        do(sys.executable, "-m", "venv", "--without-pip", self.folder, cwd=folder, seconds=INSTALL)
        self._borrow_dependencies(folder / "borrowed")

    def _borrow_dependencies(self, borrowed: Path) -> None:
        """Add the packages of the tests to its path, except ours and the framework."""
        borrowed.mkdir()
        for path in {Path(each) for each in sys.path if each.endswith("site-packages")}:
            for package in path.iterdir():
                if not package.name.lower().startswith(("asok", "__editable__", "_asok")):
                    (borrowed / package.name).symlink_to(package)
        packages = next(self.folder.glob("lib/python*/site-packages"))
        (packages / "borrowed.pth").write_text(f"{borrowed}\n")

    def pip(self, *words: str | Path) -> None:
        python = self.folder / "bin" / "python"
        pip = (sys.executable, "-m", "pip", "--python", python, "--disable-pip-version-check")
        do(*pip, *words, "--quiet", cwd=self.home, env=self.env, seconds=INSTALL)

    @property
    def env(self) -> Mapping[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        return kept | {"PATH": os.pathsep.join([str(self.folder / "bin"), os.defpath])}

    def output_of(self, program: str, *words: str) -> str:
        path = self.folder / "bin" / program
        return do(path, *words, cwd=self.home, env=self.env, seconds=PATIENCE)

    def has(self, program: str) -> bool:
        return (self.folder / "bin" / program).exists()


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    do(
        sys.executable,
        "-m",
        "build",
        "--wheel",
        "--outdir",
        folder,
        ROOT,
        cwd=folder,
        seconds=INSTALL,
    )
    [wheel] = folder.glob("*.whl")
    return wheel


def test_both_work_in_either_order_and_after_the_removal_of_either(
    wheel: Path, tmp_path: Path
) -> None:
    environment = Environment(tmp_path)
    again = ("install", "--no-deps", "--force-reinstall")

    environment.pip("install", "--no-deps", wheel)
    environment.pip("install", "--no-deps", FRAMEWORK)
    # The framework was installed last and owns `asok`; `asok-console` is always ours.
    assert environment.output_of("asok", "--version") == f"Asok Framework v{version('asok')}\n"
    assert_ours_works(environment)

    environment.pip(*again, wheel)
    # Now `asok` is ours, and passes unknown commands to the framework.
    assert environment.output_of("asok", "--version") == OURS
    assert "No routes found" in environment.output_of("asok", "routes")
    assert "usage: asok worker" in environment.output_of("asok", "worker", "--help")
    assert_ours_works(environment)

    environment.pip("uninstall", "--yes", "asok")
    # pip removed `asok`, which was our file.
    assert not environment.has("asok")
    assert_ours_works(environment)
    environment.pip(*again, wheel)
    assert environment.output_of("asok", "--version") == OURS
    assert "framework" not in environment.output_of("asok", "--help")

    environment.pip("install", "--no-deps", FRAMEWORK)
    environment.pip("uninstall", "--yes", "asok-console")
    assert not environment.has("asok")
    assert not environment.has("asok-console")
    assert version("asok") in environment.output_of("python", "-m", "asok", "--version")
    environment.pip(*again, FRAMEWORK)
    assert environment.output_of("asok", "--version") == f"Asok Framework v{version('asok')}\n"


def assert_ours_works(environment: Environment) -> None:
    assert environment.output_of("asok-console", "--version") == OURS
    assert environment.output_of("python", "-m", "asok_console", "--version") == OURS
    assert "usage: asok worker" in environment.output_of("asok-console", "worker", "--help")
    where = environment.output_of(
        "python", "-c", "import asok_console; print(asok_console.__file__)"
    )
    assert Path(where).is_relative_to(environment.folder)
