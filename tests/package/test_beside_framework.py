"""Our wheel and the framework's in one environment, in both orders, and either of them removed."""

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
    """A virtual environment with our dependencies, which finds nothing of the checkout."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "venv"
        self.home = folder / "home"
        self.home.mkdir()
        do(sys.executable, "-m", "venv", self.folder, cwd=folder, seconds=INSTALL)
        self._borrow_dependencies(folder / "borrowed")

    def _borrow_dependencies(self, borrowed: Path) -> None:
        """Put the packages of the tests on its path, but for ours and the framework."""
        borrowed.mkdir()
        for path in {Path(each) for each in sys.path if each.endswith("site-packages")}:
            for package in path.iterdir():
                if not package.name.lower().startswith(("asok", "__editable__", "_asok")):
                    (borrowed / package.name).symlink_to(package)
        packages = next(self.folder.glob("lib/python*/site-packages"))
        (packages / "borrowed.pth").write_text(f"{borrowed}\n")

    def pip(self, *words: str | Path) -> None:
        pip = (self.folder / "bin" / "python", "-m", "pip", "--disable-pip-version-check")
        do(*pip, *words, "--quiet", cwd=self.home, env=self.env, seconds=INSTALL)

    @property
    def env(self) -> Mapping[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        return kept | {"PATH": os.pathsep.join([str(self.folder / "bin"), os.defpath])}

    def says(self, program: str, *words: str) -> str:
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


def test_both_work_in_either_order_and_after_either_is_removed(wheel: Path, tmp_path: Path) -> None:
    place = Environment(tmp_path)
    again = ("install", "--no-deps", "--force-reinstall")

    place.pip("install", "--no-deps", wheel)
    place.pip("install", "--no-deps", FRAMEWORK)
    # The framework came last and has the name; ours has another, which nothing takes.
    assert place.says("asok", "--version") == f"Asok Framework v{version('asok')}\n"
    assert_ours_works(place)

    place.pip(*again, wheel)
    # Now ours has it, and hands over what it does not know.
    assert place.says("asok", "--version") == OURS
    assert "No routes found" in place.says("asok", "routes")
    assert "usage: asok worker" in place.says("asok", "worker", "--help")
    assert_ours_works(place)

    place.pip("uninstall", "--yes", "asok")
    # pip has removed a file of the framework's name, which was ours.
    assert not place.has("asok")
    assert_ours_works(place)
    place.pip(*again, wheel)
    assert place.says("asok", "--version") == OURS
    assert "framework" not in place.says("asok", "--help")

    place.pip("install", "--no-deps", FRAMEWORK)
    place.pip("uninstall", "--yes", "asok-console")
    assert not place.has("asok")
    assert not place.has("asok-console")
    assert version("asok") in place.says("python", "-m", "asok", "--version")
    place.pip(*again, FRAMEWORK)
    assert place.says("asok", "--version") == f"Asok Framework v{version('asok')}\n"


def assert_ours_works(place: Environment) -> None:
    assert place.says("asok-console", "--version") == OURS
    assert place.says("python", "-m", "asok_console", "--version") == OURS
    assert "usage: asok worker" in place.says("asok-console", "worker", "--help")
    where = place.says("python", "-c", "import asok_console; print(asok_console.__file__)")
    assert Path(where).is_relative_to(place.folder)
