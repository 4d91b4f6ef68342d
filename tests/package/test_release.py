"""``make build`` is reproducible, with a valid list of components and matching provenance."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from asok_core import __version__
from tests.package.release import CHECKSUMS, PROVENANCE, SBOM
from tests.package.test_requirements import pinned
from tests.package.test_wheel import INSTALL, do
from tests.programs import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

GIT = {
    "GIT_AUTHOR_NAME": "Test",
    "GIT_AUTHOR_EMAIL": "test@example.com",
    "GIT_AUTHOR_DATE": "2026-01-02T03:04:05Z",
    "GIT_COMMITTER_NAME": "Test",
    "GIT_COMMITTER_EMAIL": "test@example.com",
    "GIT_COMMITTER_DATE": "2026-01-02T03:04:05Z",
    "GIT_CONFIG_GLOBAL": os.devnull,
}


def checkout(folder: Path) -> Path:
    """Commit the current tree in a new repository."""
    left_out = shutil.ignore_patterns(
        ".git", ".venv*", ".coverage*", "__pycache__", ".*_cache", "dist", "*.egg-info"
    )
    shutil.copytree(ROOT, folder, ignore=left_out)
    env = os.environ | GIT
    do("git", "init", "--quiet", cwd=folder, env=env, seconds=60)
    do("git", "add", "--all", cwd=folder, env=env, seconds=60)
    do("git", "commit", "--quiet", "--message", "All", cwd=folder, env=env, seconds=60)
    return folder


def make(source: Path, out: Path, *, umask: int = 0o022) -> subprocess.CompletedProcess[str]:
    """Build with the code of ``source``."""
    return subprocess.run(
        [sys.executable, "-m", "tests.package", out],
        cwd=source,
        env={**os.environ, **GIT, "PYTHONPATH": str(source)},
        umask=umask,
        capture_output=True,
        text=True,
        timeout=INSTALL,
        check=False,
    )


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_two_builds_of_a_release_are_equal_and_describe_themselves(tmp_path: Path) -> None:
    first, second = checkout(tmp_path / "first"), checkout(tmp_path / "elsewhere" / "second")
    for source, umask in ((first, 0o022), (second, 0o077)):
        built = make(source, source / "dist", umask=umask)
        assert built.returncode == 0, built.stderr
    release = contents(first / "dist")
    assert release == contents(second / "dist")

    sbom, provenance = SBOM.format(version=__version__), PROVENANCE.format(version=__version__)
    wheel = f"asok_console-{__version__}-py3-none-any.whl"
    sdist = f"asok_console-{__version__}.tar.gz"
    assert set(release) == {sbom, provenance, wheel, sdist, CHECKSUMS}
    do("sha256sum", "--check", "--strict", CHECKSUMS, cwd=first / "dist", seconds=60)
    listed = {line.split("  ")[1] for line in release[CHECKSUMS].decode().splitlines()}
    assert listed == set(release) - {CHECKSUMS}

    lists_the_components(release[sbom].decode(), wheel=release[wheel])
    commit = do("git", "rev-parse", "HEAD", cwd=first, seconds=60).strip()
    names_its_origin(json.loads(release[provenance]), first, commit, release)
    for name in (sbom, provenance):
        text = release[name].decode()
        assert str(tmp_path) not in text
        assert str(ROOT) not in text
        assert "pypi.org" not in text
        assert "file:" not in text


def lists_the_components(text: str, *, wheel: bytes) -> None:
    # Imported here, for it takes seconds, which every process of a run would spend.
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    document = json.loads(text)
    main = document["metadata"]["component"]
    assert (main["name"], main["version"]) == ("asok-console", __version__)
    [digest] = main["hashes"]
    assert digest == {"alg": "SHA-256", "content": hashlib.sha256(wheel).hexdigest()}
    pins = {
        f"pkg:pypi/{requirement.name}@{version.version}"
        for requirement, _ in pinned(ROOT / ".ci" / "requirements" / "runtime.txt")
        for version in requirement.specifier
        if requirement.marker is None or requirement.marker.evaluate()
    }
    assert {each["purl"] for each in document["components"]} == pins
    depends = {each["ref"]: each.get("dependsOn", []) for each in document["dependencies"]}
    assert {each.partition("==")[0] for each in depends[main["bom-ref"]]} == {
        "humanize",
        "msgspec",
        "python-dotenv",
        "redis",
        "textual",
    }
    assert "timestamp" not in document["metadata"]
    assert "serialNumber" not in document


def names_its_origin(
    statement: dict[str, Any], source: Path, commit: str, release: dict[str, bytes]
) -> None:
    subjects = {each["name"]: each["digest"]["sha256"] for each in statement["subject"]}
    assert subjects == {
        name: hashlib.sha256(data).hexdigest()
        for name, data in release.items()
        if not name.endswith((".provenance.json", CHECKSUMS))
    }
    made_of = statement["predicate"]["buildDefinition"]["resolvedDependencies"]
    assert {"name": "source", "digest": {"gitCommit": commit}} in made_of
    for each in made_of:
        if each["name"] != "source":
            text = (source / each["name"]).read_bytes()
            assert each["digest"] == {"sha256": hashlib.sha256(text).hexdigest()}


def test_a_tree_that_differs_from_its_commit_is_not_built(tmp_path: Path) -> None:
    source = checkout(tmp_path / "source")
    (source / "asok_core" / "stray.py").write_text("import os\n")
    built = make(source, tmp_path / "dist")
    assert built.returncode == 1
    assert built.stderr == (
        "make build: the tree differs from the commit in 1 file, such as asok_core/stray.py; "
        "a release is built from a commit: commit the change or remove it\n"
    )
    assert not (tmp_path / "dist").exists()
