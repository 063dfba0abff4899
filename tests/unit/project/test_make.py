"""make says what there is, and what is missing before it starts."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

FAKE_PYTHON = """#!/bin/bash
case "$*" in
  -V) echo "Python {version}" ;;
  *version_info*) exit {is_too_old} ;;
  *ensurepip*) exit {has_no_venv} ;;
  *) echo "called too early: $*" >&2; exit 99 ;;
esac
"""


@pytest.fixture
def environment(repository: Path, tmp_path: Path) -> Path:
    """A copy of tools/environment in a repository of its own, without .venv."""
    (tmp_path / "tools").mkdir()
    return Path(shutil.copy(repository / "tools/environment", tmp_path / "tools"))


def fake_python(folder: Path, **answers: object) -> Path:
    """A python3 that lacks something."""
    python = folder / "python"
    python.write_text(FAKE_PYTHON.format(**{"version": "3.12.3", "is_too_old": 0, "has_no_venv": 0} | answers))
    python.chmod(0o755)
    return python


def said_by(environment: Path, python: Path | str) -> str:
    """What it says to a Python that will not do; it must refuse."""
    done = subprocess.run(
        [environment, "dev"],
        env={"PYTHON": str(python), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert not (environment.parent.parent / ".venv").exists()
    return done.stderr


def test_without_python_the_packages_to_install_are_named(environment: Path) -> None:
    assert "apt-get install -y python3 python3-venv\n" in said_by(environment, "no-such-python")


def test_without_venv_the_package_to_install_is_named(environment: Path, tmp_path: Path) -> None:
    assert "apt-get install -y python3-venv\n" in said_by(environment, fake_python(tmp_path, has_no_venv=1))


def test_a_python_that_is_too_old_is_refused_by_its_version(environment: Path, tmp_path: Path) -> None:
    said = said_by(environment, fake_python(tmp_path, version="3.10.13", is_too_old=1))

    assert "3.11 or newer" in said
    assert "3.10.13" in said


@pytest.mark.needs("make")
def test_make_lists_each_target_and_what_it_runs_exists(repository: Path) -> None:
    makefile = (repository / "Makefile").read_text()
    listed = subprocess.run(["make", "help"], cwd=repository, capture_output=True, text=True, check=True).stdout
    documented = re.findall(r"^([a-z-]+):.*## ", makefile, re.MULTILINE)
    phony = set(re.findall(r"[a-z-]+", " ".join(re.findall(r"^\.PHONY:(.*)$", makefile, re.MULTILINE))))

    assert re.findall(r"^  make ([a-z-]+) ", listed, re.MULTILINE) == documented
    assert {target for target in phony if not target.startswith("check-")} == set(documented)
    named = re.findall(r"(?<![\w./-])(?:tools|tests|examples|crds|runner)/[\w./-]+", makefile)
    assert [path for path in named if not (repository / path).exists()] == []


def test_scripts_are_programs_without_faults_of_syntax(repository: Path) -> None:
    scripts = [path for path in (*(repository / "tools").iterdir(), repository / ".ci/run") if path.is_file()]

    assert len(scripts) >= 4
    for script in scripts:
        assert script.stat().st_mode & 0o111, script
        assert script.read_text().startswith("#!/usr/bin/env bash\n"), script
        assert "set -euo pipefail" in script.read_text(), script
        subprocess.run(["bash", "-n", script], check=True)


def test_the_hooks_before_a_commit_fetch_nothing(repository: Path) -> None:
    assert re.findall(r"^- repo: (.*)$", (repository / ".pre-commit-config.yaml").read_text(), re.MULTILINE) == [
        "local"
    ]
