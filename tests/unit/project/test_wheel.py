"""What is shipped: all of the packages, with what lies beside the code, and nothing else."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

PACKAGES = {Path("runner/ponte"): "ponte", Path("crds/ponte_api"): "ponte_api"}


@pytest.fixture(scope="module")
def wheel(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """Names of the files in a wheel that is built of the working tree."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder],
        cwd=repository,
        check=True,
        capture_output=True,
    )
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as archive:
        return set(archive.namelist())


def test_the_wheel_holds_the_packages_whole(wheel: set[str], repository: Path) -> None:
    listed = subprocess.run(
        ["git", "ls-files", *map(str, PACKAGES)], cwd=repository, check=True, capture_output=True, text=True
    )
    expected = {
        str(name / path.relative_to(folder))
        for path in map(Path, listed.stdout.splitlines())
        for folder, name in ((folder, Path(name)) for folder, name in PACKAGES.items())
        if path.is_relative_to(folder) and (repository / path).is_file()
    }

    assert expected - wheel == set()


def test_the_wheel_holds_nothing_else(wheel: set[str]) -> None:
    tops = {name.partition("/")[0] for name in wheel}

    assert {top for top in tops if not top.endswith(".dist-info")} == set(PACKAGES.values())
    assert [name for name in wheel if name.endswith(("/LICENSE", "/METADATA"))] != []
