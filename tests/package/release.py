"""The files of a release: wheel, sdist, list of components, provenance and checksums.

Two builds of one commit are equal byte for byte. docs/pages/release.md describes the signature.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

SBOM = "asok_console-{version}.cdx.json"
PROVENANCE = "asok_console-{version}.provenance.json"
CHECKSUMS = "SHA256SUMS"
LOCKS = (".ci/requirements/dev.txt", ".ci/requirements/runtime.txt")
"""Requirements of the build, and those that are listed as components, with hashes."""


class NotReleasable(Exception):
    """The tree differs from the commit."""


def build(source: Path, folder: Path) -> None:
    """Build all files of a release from the commit in ``source``.

    Raises:
        NotReleasable: Files of the tree differ from the commit.
        CalledProcessError: A tool failed; its own message is on standard error.
    """
    commit = _commit(source)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    # Not isolated: the build tools are those of .ci/requirements/dev.txt, which pip verified.
    _run(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, source)
    [wheel] = folder.glob("*.whl")
    version = wheel.name.split("-")[1]
    with tempfile.TemporaryDirectory() as temporary:
        (folder / SBOM.format(version=version)).write_text(
            _document(_components(source, Path(temporary), wheel, version))
        )
    subjects = sorted(folder.iterdir())
    (folder / PROVENANCE.format(version=version)).write_text(
        _document(_provenance(source, commit, subjects))
    )
    lines = [f"{_sha256(path)}  {path.name}\n" for path in sorted(folder.iterdir())]
    (folder / CHECKSUMS).write_text("".join(lines))


def _run(*words: str | Path, cwd: Path | None = None) -> str:
    return subprocess.run(words, cwd=cwd, check=True, stdout=subprocess.PIPE, text=True).stdout


def _commit(source: Path) -> str:
    if changed := _run("git", "status", "--porcelain", cwd=source).splitlines():
        files = "1 file" if len(changed) == 1 else f"{len(changed)} files"
        raise NotReleasable(
            f"the tree differs from the commit in {files}, such as {changed[0][3:]}; "
            "a release is built from a commit: commit the change or remove it"
        )
    return _run("git", "rev-parse", "HEAD", cwd=source).strip()


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _document(value: Any) -> str:
    return json.dumps(value, indent=2, sort_keys=True) + "\n"


def _components(source: Path, temporary: Path, wheel: Path, version: str) -> dict[str, Any]:
    """The CycloneDX list of the wheel's dependencies, for this platform and Python."""
    environment, found = temporary / "environment", temporary / "components.json"
    _run(sys.executable, "-m", "venv", "--without-pip", environment)
    python = environment / "bin" / "python"
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", python)
    runtime = source / ".ci" / "requirements" / "runtime.txt"
    _run(*pip, "install", "--quiet", "--no-compile", "--require-hashes", "-r", runtime)
    _run(
        *(sys.executable, "-m", "cyclonedx_py", "environment", python),
        *("--pyproject", source / "pyproject.toml", "--mc-type", "library", "--short-PURLs"),
        *("--output-reproducible", "--output-format", "JSON", "--output-file", found),
    )
    document: dict[str, Any] = json.loads(found.read_text())
    main = document["metadata"]["component"]
    # The version is dynamic, and so not in pyproject.toml.
    main |= {"version": version, "purl": f"pkg:pypi/asok-console@{version}"}
    main["hashes"] = [{"alg": "SHA-256", "content": _sha256(wheel)}]
    reduced: dict[str, Any] = _without_references(document)
    return reduced


def _without_references(value: Any) -> Any:
    """Remove home pages and download URLs: a component is identified by its purl."""
    if isinstance(value, dict):
        kept = {name: each for name, each in value.items() if name != "externalReferences"}
        return {name: _without_references(each) for name, each in kept.items()}
    if isinstance(value, list):
        return [_without_references(each) for each in value]
    return value


def _provenance(source: Path, commit: str, subjects: list[Path]) -> dict[str, Any]:
    """An in-toto statement (SLSA provenance 1): the commit and the tools that created these
    files.
    """
    return {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": path.name, "digest": {"sha256": _sha256(path)}} for path in subjects],
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {
            "buildDefinition": {
                "buildType": "urn:asok-console:make-build:1",
                "externalParameters": {"command": "make build"},
                "internalParameters": {
                    "python": ".".join(map(str, sys.version_info[:3])),
                    "platform": sys.platform,
                },
                "resolvedDependencies": [
                    {"name": "source", "digest": {"gitCommit": commit}},
                    *(
                        {"name": name, "digest": {"sha256": _sha256(source / name)}}
                        for name in LOCKS
                    ),
                ],
            },
            "runDetails": {"builder": {"id": "urn:asok-console:maintainer"}},
        },
    }
